"""What is known of an INT8 file's speed on the CPU that wrote it: for the manifest, and in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, cast

from edgesynth.defaults import INT8_CPU_LAYERS
from edgesynth.errors import UserError
from edgesynth.export.int8.faster.search import gains

Layers = Literal["faster", "all"]
FASTER: Layers = "faster"
ALL: Layers = "all"
FP32, INT8_CPU = "fp32", "int8-cpu"  # keys of the models in the manifest
DEFAULT_LAYERS = cast(Layers, INT8_CPU_LAYERS)


def check_layers(layers: str, int8: bool) -> None:
    """Refuse a choice of layers that is not known.

    Raises:
        UserError: it is neither `faster` nor `all`, or another than the default without an INT8 file that it is for.
    """
    if layers not in (FASTER, ALL):
        raise UserError(
            f"--int8-cpu-layers is {layers!r}; give faster (those that make the network faster on this CPU, the "
            "default) or all (for another CPU)"
        )
    if layers != DEFAULT_LAYERS and not int8:
        raise UserError(f"--int8-cpu-layers {layers} is of model.int8-cpu.onnx, which --int8 writes; add --int8")


@dataclass(frozen=True)
class Speed:
    """The speed of model.int8-cpu.onnx, timed by turns with model.onnx.

    Attributes:
        cpu: name of the processor that was timed.
        engine: its name and version.
        batch: images per run.
        threads: of the engine.
        asked_for: `faster` or `all`, as asked for.
        fp32_ms: median latency of model.onnx.
        int8_ms: of the INT8 file that was written.
        all_int8_ms: of the file with every layer in INT8 that accuracy allows.
        int8_layers: names of the layers in INT8.
        fp32_layers: names of the layers that could be INT8 and are left in floating point for speed.
        loss_points: of the metric that the file costs on validation; below 0 it gained.
    """

    cpu: str
    engine: str
    batch: int
    threads: int
    asked_for: Layers
    fp32_ms: float
    int8_ms: float
    all_int8_ms: float
    int8_layers: tuple[str, ...]
    fp32_layers: tuple[str, ...]
    loss_points: float

    @property
    def speed_up(self) -> float:
        """How many times as fast as fp32 the INT8 file is."""
        return self.fp32_ms / self.int8_ms

    @property
    def recommended(self) -> str:
        """The key of the model to use on this CPU."""
        return INT8_CPU if gains(self.speed_up) else FP32

    def to_json(self) -> dict[str, Any]:
        """Plain values, for the manifest."""
        facts = {**asdict(self), "int8_layers": list(self.int8_layers), "fp32_layers": list(self.fp32_layers)}
        return {**facts, "speed_up": self.speed_up, "recommended": self.recommended}

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> Speed:
        """From what `to_json` gave."""
        values: dict[str, Any] = {field.name: facts[field.name] for field in fields(cls)}
        values.update({name: tuple(value) for name, value in values.items() if isinstance(value, list)})
        return cls(**values)

    def sentences(self) -> tuple[str, str]:
        """The figures with their conditions, and what follows from them."""
        return self._figures, self._advice

    @property
    def _figures(self) -> str:
        if gains(self.speed_up):
            outcome = f"{self.speed_up:.2f} times as fast as fp32"
        elif self.speed_up < 1:
            outcome = f"slower than fp32 ({self.speed_up:.2f} times as fast)"
        else:
            outcome = "no faster than fp32"
        threads = "one thread" if self.threads == 1 else f"{self.threads} threads"
        return (
            f"INT8 is {outcome} on {self.cpu}: fp32 {self.fp32_ms:.3g} ms, int8 {self.int8_ms:.3g} ms, timed by turns "
            f"({self.engine}, batch {self.batch}, {threads})."
        )

    @property
    def _advice(self) -> str:
        able = len(self.int8_layers) + len(self.fp32_layers)
        if self.recommended == FP32:
            return f"On such a CPU use model.onnx. {self._why_not}"
        if not self.fp32_layers:
            return f"model.int8-cpu.onnx has all {able} layers in INT8 that accuracy allows."
        return (
            f"model.int8-cpu.onnx has {len(self.int8_layers)} of {able} layers in INT8 and leaves the others in fp32, "
            f"which is faster there (all in INT8: {self.all_int8_ms:.3g} ms)."
        )

    @property
    def _why_not(self) -> str:
        if self.asked_for == ALL:
            return "All layers are INT8, as --int8-cpu-layers all asks for; faster leaves in fp32 what is faster so."
        return "No choice of layers was faster in INT8, so model.int8-cpu.onnx has all of them, for another CPU."
