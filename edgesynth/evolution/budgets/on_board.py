"""Budgets of a board: latency and energy of one image. A further one is an entry here and its option in `config.py`.

They are predicted by the board's cost model, or measured on the machine itself, and then it is the worse end of the
95 % interval that counts.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter

from torch import Tensor

from edgesynth.anatomy import Anatomy, Census
from edgesynth.evolution.budgets.budget import Budget
from edgesynth.evolution.budgets.machine import Machine
from edgesynth.evolution.budgets.unit_costs import priced_units
from edgesynth.lineage import Figures, Genome
from edgesynth.planning.cost import LayerCost, Prediction
from edgesynth.planning.cost.fitted import EFFICIENCY

AIM = 0.97  # of a budget that is measured: what an offspring is drawn for


@dataclass(frozen=True)
class BoardBudget(Budget):
    """Something of one image on a board.

    Attributes:
        noun: what it is called.
        predicted: reads it from a prediction; None where the cost model says nothing of it.
        measured: reads it from figures, in the unit of the option; None where it was not measured.
        interval: reads its 95 % interval, likewise.
        convert: from the option's value to the amount, and back again by the same function.
        why_unpredicted: why a prediction may say nothing of it, and what to do.
        why_unmeasured: reads from figures why they say nothing of it.
    """

    noun: str
    predicted: Callable[[Prediction], float | None]
    measured: Callable[[Figures], float | None]
    interval: Callable[[Figures], tuple[float, float] | None]
    convert: Callable[[float], float]
    why_unpredicted: str = ""
    why_unmeasured: Callable[[Figures], str] = lambda figures: "it was not measured"
    on_board = True
    falls_with_each_cluster = False  # hardware computes in tiles

    def parse(self, value: float) -> float:
        """See `Budget.parse`."""
        return self.convert(value)

    def value(self, amount: float) -> float:
        """See `Budget.value`."""
        return self.convert(amount)

    def best(self, figures: Figures) -> float:
        """The better end of what was measured; infinite without a figure."""
        ends = self.interval(figures)
        return math.inf if ends is None else self.parse(ends[1 if self.is_floor else 0])

    def worst(self, figures: Figures) -> float:
        """The worse end of what was measured; infinite without a figure."""
        ends = self.interval(figures)
        return math.inf if ends is None else self.parse(ends[0 if self.is_floor else 1])

    def amount(self, census: Census, machine: Machine) -> float:
        """How much a network has of it, as predicted; infinite where nothing is.

        Where a run is measured, what was measured of earlier networks corrects it.
        """
        if machine.is_measured:
            factor = machine.correction.get(self.name)
            return math.inf if factor is None else factor * self.estimate(census, machine)
        predicted = self._predicted(census, machine)
        return math.inf if predicted is None else predicted

    def estimate(self, census: Census, machine: Machine) -> float:
        """What is predicted, before any correction; where nothing is, the MACs, which it is taken to go with."""
        predicted = self._predicted(census, machine)
        return float(census.macs) if predicted is None else predicted

    def _predicted(self, census: Census, machine: Machine) -> float | None:
        prediction = machine.predict(census)
        return None if prediction is None else self.predicted(prediction)

    def unit_costs(self, anatomy: Anatomy, genome: Genome, machine: Machine) -> dict[str, Tensor]:
        """See `Budget.unit_costs`.

        Each layer's arithmetic or traffic is shared out evenly over its weights; the time that its kernel takes to
        start is not, since it does not die with a cluster. Energy is shared out as the latency is.
        """
        return priced_units(anatomy, genome.kept, self.weight_prices(genome.census(anatomy), machine))

    def weight_prices(self, census: Census, machine: Machine) -> dict[str, float]:
        """{weight: what each of its elements has of the network's amount}, the start of kernels left out.

        Where nothing is predicted a latency is taken to go with the MACs.
        """
        prediction = machine.predict(census)
        assert machine.anatomy is not None
        amount = self.amount(census, machine)
        weights = [
            (weight, left) for weight, left in zip(machine.anatomy.weights(), census.layers, strict=True) if left.macs
        ]
        if prediction is None:
            share = (amount if math.isfinite(amount) else 1.0) / census.macs
            return {weight: share * left.macs / math.prod(left.shape) for weight, left in weights}
        scale = amount / prediction.latency_ms
        return {
            weight: scale * _running_ms(kernel) / math.prod(left.shape)
            for (weight, left), kernel in zip(weights, prediction.layers[: len(weights)], strict=True)
        }

    def format(self, amount: float) -> str:
        """See `Budget.format`."""
        return f"{self.value(amount):.3g} {self.unit}"

    def as_given(self, most: float) -> str:
        """See `Budget.as_given`."""
        return f"{self.value(most):g}"

    def used(self, amount: float, most: float, measured: bool) -> str:
        """See `Budget.used`."""
        if not math.isfinite(amount):
            return f"{self.name} not measured"
        bound = "measured at least" if self.is_floor else "measured at most"
        return f"{bound if measured else 'predicted'} {self.format(amount)} of {self.format(most)}"


def _running_ms(kernel: LayerCost) -> float:
    """Time of a kernel without its start, which is not known of a measured one and there small."""
    return kernel.latency_ms if kernel.measured else kernel.latency_ms - EFFICIENCY.kernel_us * 1e-3


def aim(most: float, measured: float, predicted: float) -> float:
    """The amount that offspring are drawn for, so that they meet a budget when they are measured.

    It is a little below the budget. A parent that was measured within the budget stays as it is, and one that was
    measured over it has to get smaller, whatever is predicted of the two.

    Args:
        most: the budget.
        measured: of the parent; infinite if it was not.
        predicted: of the parent, with the correction.
    """
    if measured <= most:
        return max(AIM * most, predicted)
    if predicted > AIM * most or not math.isfinite(measured):
        return AIM * most
    return AIM * most * predicted / measured


def _same(value: float) -> float:
    return value


def _inverse(value: float) -> float:
    """Millijoules an image from images a joule, and the other way round."""
    return 1e3 / value


LATENCY = BoardBudget(
    name="latency_ms",
    option="--max-latency-ms",
    unit="ms",
    levels=("clusters",),
    noun="latency",
    predicted=attrgetter("latency_ms"),
    measured=attrgetter("latency_ms"),
    interval=attrgetter("latency_ms_95"),
    convert=_same,
)
ENERGY = BoardBudget(
    name="energy_mj",
    option="--min-images-per-joule",
    unit="images/J",
    levels=("clusters",),
    noun="energy",
    predicted=attrgetter("energy_mj_per_image"),
    measured=attrgetter("images_per_joule"),
    interval=attrgetter("images_per_joule_95"),
    convert=_inverse,
    why_unpredicted="there is no published power to fit; use --board tx1 or tx2 at fp16 or fp32",
    why_unmeasured=attrgetter("energy_reason"),
)
ON_BOARD = (LATENCY, ENERGY)
