"""Figures: what was measured of an individual on the machine that its run aims at, with how sure that is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Figures:
    """Latency and energy of one image, measured.

    Attributes:
        model_sha256: of the plain fp32 ONNX file; what was measured is that file or was made of it.
        measured_on: `local` or `ssh://user@host`.
        precision: of the engine.
        latency_ms: median time of one call, batch 1.
        latency_ms_95: its 95 % interval.
        images_per_joule: None where it was not measured.
        images_per_joule_95: its 95 % interval, likewise.
        energy_reason: why there is no energy; empty where there is.
        flags: what would mislead, as `edgesynth benchmark` flags it.
        engine: what ran it; empty in runs of before this was kept.
        engine_version: its version, likewise.
    """

    model_sha256: str
    measured_on: str
    precision: str
    latency_ms: float
    latency_ms_95: tuple[float, float]
    images_per_joule: float | None = None
    images_per_joule_95: tuple[float, float] | None = None
    energy_reason: str = ""
    flags: tuple[str, ...] = ()
    engine: str = ""
    engine_version: str = ""

    def in_short(self) -> str:
        """The figures with their intervals, such as `0.21 ms [0.205, 0.222], 41 images/J [39, 43]`."""
        latency = f"{self.latency_ms:.3g} ms {_interval(self.latency_ms_95)}"
        if self.images_per_joule is None or self.images_per_joule_95 is None:
            return latency
        return f"{latency}, {self.images_per_joule:.3g} images/J {_interval(self.images_per_joule_95)}"

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"source": "measured", **asdict(self)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Figures:
        """The figures that `to_json` wrote."""
        fields = {name: value for name, value in data.items() if name != "source"}
        energy_95 = data["images_per_joule_95"]
        return cls(
            **{
                **fields,
                "latency_ms_95": tuple(data["latency_ms_95"]),
                "images_per_joule_95": tuple(energy_95) if energy_95 else None,
                "flags": tuple(data["flags"]),
            }
        )


# Figures of a model by its sha256, precision and engine (None: of any), where it was measured before.
Known = Callable[[str, str, str | None], Figures | None]


def _interval(ends: tuple[float, float]) -> str:
    return f"[{ends[0]:.3g}, {ends[1]:.3g}]"
