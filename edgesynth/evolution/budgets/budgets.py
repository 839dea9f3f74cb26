"""The budgets of a run: the limits that it sets, and which of them a network does not meet."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from torch import Tensor

from edgesynth.anatomy import Anatomy, Census
from edgesynth.evolution.budgets.correction import correction_of
from edgesynth.evolution.budgets.layer_times import LayerTimes
from edgesynth.evolution.budgets.machine import Correction, Machine
from edgesynth.evolution.budgets.on_board import LATENCY, BoardBudget, aim
from edgesynth.evolution.budgets.registry import BUDGETS, limits
from edgesynth.lineage import Config, Figures, Genome, Individual, Record
from edgesynth.planning.cost import Layer


class Budgets:
    """The budgets of one run.

    Args:
        config: sets limits and the board.
        anatomy: of the ancestor; without it nothing is predicted.
        other_kernels: the ancestor's kernels besides its convolutions and linear layers; see `Species`.
        times: of this machine's layers, where the run aims at it.

    Attributes:
        limits: {name of a budget: most that is allowed}.
        machine: the one that the run aims at.
        figures: {individual: what was measured of it}.
    """

    def __init__(
        self,
        config: Config,
        anatomy: Anatomy | None = None,
        other_kernels: Sequence[Layer] = (),
        times: LayerTimes | None = None,
    ) -> None:
        self.config = config
        self.limits = limits(config)
        self.machine = Machine(config, anatomy, other_kernels, times=times)
        self.figures: dict[str, Figures] = {}

    def seen_from(self, parent: Individual, correction: Correction | None = None) -> Budgets:
        """The budgets for a parent's offspring, which are not measured yet.

        Where latency is the objective, it has a limit by which it falls by one step.

        Args:
            parent: their first parent.
            correction: of what is predicted, where the run is measured; by what was measured of the parent by default.
        """
        seen = Budgets(self.config, self.machine.anatomy, self.machine.other_kernels, self.machine.times)
        if self.machine.is_measured:
            self._correct(seen, parent, correction)
        if self.config.objective == "latency":
            faster = self.config.share_of_clusters * seen.amount(parent.record.census, LATENCY.name)
            seen.limits[LATENCY.name] = min(faster, seen.limits.get(LATENCY.name, math.inf))
        return seen

    def _correct(self, seen: Budgets, parent: Individual, correction: Correction | None) -> None:
        """Have budgets predict by what was measured, and aim at what will be."""
        if correction is None:
            measured = [(parent.record, parent.figures)] if parent.figures else []
            correction = correction_of(measured, self.machine)
        seen.machine = self.machine.corrected(correction)
        for name, most in self.limits.items():
            budget = BUDGETS[name]
            if isinstance(budget, BoardBudget):
                own = math.inf if parent.figures is None else budget.worst(parent.figures)
                seen.limits[name] = aim(most, own, seen.amount(parent.record.census, name))

    def settle(self, config: Config) -> None:
        """Go on by a configuration whose limits are known now."""
        self.config, self.limits = config, limits(config)

    def is_measured(self, name: str) -> bool:
        """Whether what a budget names is measured in this run."""
        return BUDGETS[name].on_board and self.machine.is_measured

    def amount(self, census: Census, name: str) -> float:
        """How much a network has of what a budget names; infinite where it cannot be told."""
        return BUDGETS[name].amount(census, self.machine)

    def unit_costs(self, anatomy: Anatomy, genome: Genome, name: str) -> dict[str, Tensor]:
        """How much of what a budget names dies with each unit; see `Budget.unit_costs`."""
        return BUDGETS[name].unit_costs(anatomy, genome, self.machine)

    def meets(self, census: Census, limits: Mapping[str, float]) -> bool:
        """Whether a network has at most so much of everything that is named."""
        return all(self.amount(census, name) <= most for name, most in limits.items())

    def unmet(self, census: Census) -> dict[str, float]:
        """The limits that a network is over."""
        return {name: most for name, most in self.limits.items() if self.amount(census, name) > most}

    def within(self, census: Census) -> bool:
        """Whether there are budgets and a network meets them all."""
        return bool(self.limits) and not self.unmet(census)

    def has(self, record: Record, name: str) -> float:
        """How much an individual has of what a budget names; of what is measured, the worse end of its interval."""
        budget = BUDGETS[name]
        if not isinstance(budget, BoardBudget) or not self.machine.is_measured:
            return self.amount(record.census, name)
        return budget.worst(self.figures[record.name]) if record.name in self.figures else math.inf

    def latency_ms(self, record: Record) -> float:
        """Latency of an individual (ms), infinite where it is not known.

        It is the median that was measured, or what is predicted where the run measures nothing.
        """
        if not self.machine.is_measured:
            return LATENCY.amount(record.census, self.machine)
        figures = self.figures.get(record.name)
        return math.inf if figures is None else figures.latency_ms

    @property
    def compared(self) -> tuple[str, ...]:
        """Names of what is to be small: all that is limited, and latency where that is the objective."""
        aimed = (LATENCY.name,) if self.config.objective == "latency" else ()
        return tuple(dict.fromkeys((*self.limits, *aimed)))

    def accepts(self, record: Record) -> bool:
        """Whether there are budgets and an individual meets them all."""
        return bool(self.limits) and all(self.has(record, name) <= most for name, most in self.limits.items())

    def words(self, record: Record) -> str:
        """What an individual has of every budget, such as `40,000 macs of 50,000, predicted 1.4 ms of 3 ms`."""
        return ", ".join(
            BUDGETS[name].used(self.has(record, name), most, self.is_measured(name))
            for name, most in self.limits.items()
        )
