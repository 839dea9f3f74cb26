"""Parity ledger: the network is compared with itself at every hop from torch to INT8, and the first bad hop is named.

torch masked -> torch removed -> onnx fp32 -> onnx fp16
                                           -> onnx int8 -> built by TensorRT
                                           -> onnx int8-cpu

The last hop to TensorRT compares no outputs: it says which layers were asked to run in INT8, and which do. Where a file
decodes its output itself, it has another hop: from its grid, decoded outside, to its own boxes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from edgesynth.benchmark.result.hops_table import HopRow, hops_table
from edgesynth.export.int8.built import Built
from edgesynth.export.onnx.tolerance import MAX_FP32_REL
from edgesynth.metrics.metric import ROUNDING_POINTS
from edgesynth.text_table import TextTable

CHUNK = 64  # images that are compared at a time, in double precision
MAX_FP16_LOSS_POINTS = 0.1
MAX_DECODED_LOSS_POINTS = 0.1  # equal scores have no order of their own


@dataclass(frozen=True)
class Tolerance:
    """Limits of a hop: how far it may differ.

    Attributes:
        of: `max_rel`: the largest error over the reference's largest magnitude; `loss_points`: percentage points of the
            metric.
        limit: the most that is allowed.
    """

    of: Literal["max_rel", "loss_points"]
    limit: float


FP32 = Tolerance("max_rel", MAX_FP32_REL)
FP16 = Tolerance("loss_points", MAX_FP16_LOSS_POINTS)
DECODED = Tolerance("loss_points", MAX_DECODED_LOSS_POINTS)


def loss_of(points: float) -> Tolerance:
    """The limits of a hop to INT8."""
    return Tolerance("loss_points", points)


@dataclass(frozen=True)
class Hop:
    """One form of the network, compared with the one before; the first has nothing to be compared with (None).

    Attributes:
        hop: its name.
        compared_with: the hop before.
        max_abs: largest distance of an output from the reference's; None too if outputs are not finite.
        max_rel: that distance over the largest magnitude of the reference.
        accuracy_percent: the task's metric on the whole test split, whichever that is.
        change_points: percentage points gained (below 0: lost) against the hop before.
        tolerance: the most that `tolerance_of` may be.
        tolerance_of: `max_rel` or `loss_points`.
        ok: whether it is within the tolerance.
        metric: name of the task's metric.
    """

    hop: str
    compared_with: str | None
    max_abs: float | None
    max_rel: float | None
    accuracy_percent: float
    change_points: float | None
    tolerance: float | None
    tolerance_of: str | None
    ok: bool
    metric: str = "accuracy"

    @property
    def advice(self) -> str:
        """What to use in place of this form, where it is bad."""
        if self.hop.startswith("onnx fp16"):
            return "Use model.onnx at fp32"
        return "Use model.onnx at fp16, or calibrate with more --samples"

    def __str__(self) -> str:
        if self.compared_with is None:
            return f"{self.hop}: {self.metric} {self.accuracy_percent:.2f} %"
        errors = (
            "outputs are not finite"
            if self.max_abs is None
            else f"max error {self.max_abs:.2g}, relative {self.max_rel:.2g}"
        )
        if self.tolerance_of == "max_rel":
            allowed = f"relative {self.tolerance:.0e}"
        else:
            allowed = f"a loss of {self.tolerance:g} points"
        metric = f"{self.metric} {self.accuracy_percent:.2f} % ({self.change_points:+.2f} points)"
        return f"{self.hop} against {self.compared_with}: {errors}, {metric}; allowed is {allowed}"


class Ledger:
    """The hops so far; true while all of them are good.

    Args:
        score: the task's metric, percent, of outputs (N, ...) on the test split.
        metric: its name.

    Attributes:
        hops: so far.
        built: what NVIDIA's compiler made of the INT8 file; None where there is none, or no compiler.
    """

    def __init__(self, score: Callable[[Tensor], float], metric: str = "accuracy") -> None:
        self._score = score
        self._metric = metric
        self._outputs: dict[str, Tensor] = {}
        self.hops: list[Hop] = []
        self.built: Built | None = None

    def table(self) -> TextTable:
        """One line for each hop."""
        rows = [
            HopRow(
                hop.hop, hop.compared_with, hop.max_abs, hop.max_rel, hop.accuracy_percent, hop.change_points, hop.ok
            )
            for hop in self.hops
        ]
        if self.built is not None:
            rows.append(HopRow("built by TensorRT", "onnx int8", None, None, None, None, self.built.ok))
        return hops_table(self._metric, rows)

    def start(self, name: str, outputs: Tensor) -> Hop:
        """Enter the first hop, which the others are compared with.

        Args:
            name: its name.
            outputs: (N, ...) on the whole test split.
        """
        return self._enter(
            Hop(name, None, None, None, self._score(outputs), None, None, None, True, self._metric), outputs
        )

    def compare(
        self, name: str, outputs: Tensor, compared_with: str, tolerance: Tolerance, reference: Tensor | None = None
    ) -> Hop:
        """Enter a hop.

        Args:
            name: its name.
            outputs: (N, ...) on the whole test split.
            compared_with: name of a hop that was entered.
            tolerance: what it may cost.
            reference: what the outputs should be, where that is not what the other hop has.
        """
        before = next(hop for hop in self.hops if hop.hop == compared_with)
        max_abs, magnitude = _largest(outputs, self.outputs_of(compared_with) if reference is None else reference)
        max_rel = max_abs / max(magnitude, 1e-30)
        accuracy = self._score(outputs)
        change = accuracy - before.accuracy_percent
        finite = math.isfinite(max_abs) and math.isfinite(max_rel)
        cost = max_rel if tolerance.of == "max_rel" else -change - ROUNDING_POINTS
        return self._enter(
            Hop(
                name,
                compared_with,
                max_abs if finite else None,
                max_rel if finite else None,
                accuracy,
                change,
                tolerance.limit,
                tolerance.of,
                finite and cost <= tolerance.limit,
                self._metric,
            ),
            outputs,
        )

    def outputs_of(self, name: str) -> Tensor:
        """Outputs of a hop that was entered."""
        return self._outputs[name]

    def accuracy_of(self, name: str) -> float:
        """The metric of a hop that was entered, percent."""
        return next(hop.accuracy_percent for hop in self.hops if hop.hop == name)

    def forget(self, name: str) -> None:
        """Drop the outputs of a hop that no other is compared with, which can be large."""
        del self._outputs[name]

    def _enter(self, hop: Hop, outputs: Tensor) -> Hop:
        self.hops.append(hop)
        self._outputs[hop.hop] = outputs
        return hop

    def __bool__(self) -> bool:
        return all(hop.ok for hop in self.hops)

    @property
    def first_bad(self) -> str | None:
        """Name of the first hop that is out of its tolerance; None where all are good."""
        return next((hop.hop for hop in self.hops if not hop.ok), None)

    @property
    def bad(self) -> tuple[Hop, ...]:
        """All hops that are out of their tolerance."""
        return tuple(hop for hop in self.hops if not hop.ok)

    def to_json(self) -> list[dict[str, Any]]:
        """The hops as plain values, in order."""
        return [asdict(hop) for hop in self.hops]


def _largest(outputs: Tensor, reference: Tensor) -> tuple[float, float]:
    """The largest distance between the two, (N, ...) each, and the reference's largest magnitude; nan where any is."""
    pairs = zip(outputs.split(CHUNK), reference.split(CHUNK), strict=True)
    largest = [
        ((output.double() - expected.double()).abs().max(), expected.double().abs().max()) for output, expected in pairs
    ]
    distance, magnitude = torch.tensor(largest, dtype=torch.float64).max(dim=0).values.tolist()
    return distance, magnitude
