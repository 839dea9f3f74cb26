"""Budget: one thing of a network that can be limited: its option, its amount, its price and its text.

The smaller is always the better: an option that gives a least number of images per joule is a most of energy for each.
Two kinds are there: what a census counts (`counted.py`), and what is predicted for a board, or measured on it
(`on_board.py`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor

from edgesynth.anatomy import Anatomy, Census
from edgesynth.evolution.budgets.machine import Machine
from edgesynth.lineage import Config, Genome

Level = Literal["clusters", "synapses"]


@dataclass(frozen=True)
class Budget(ABC):
    """Something of a network that can be limited.

    Attributes:
        name: in files and in tables of amounts, such as `macs` or `latency_ms`.
        option: gives the limit, such as `--max-macs`; the field of `Config` has the same name.
        unit: of the value that the option takes.
        levels: what is drawn in order to meet it: clusters, synapses, or both.
        on_board: whether it is predicted or measured, rather than counted.
        falls_with_each_cluster: whether every cluster that is cut lowers it.
    """

    name: str
    option: str
    unit: str
    levels: tuple[Level, ...]
    on_board: ClassVar[bool]
    falls_with_each_cluster: ClassVar[bool]

    @property
    def is_floor(self) -> bool:
        """Whether the option gives the least value that is allowed, rather than the most."""
        return self.option.startswith("--min-")

    @property
    def milder(self) -> str:
        """Which values of the option allow more: `more`, or `less` of a least value."""
        return "less" if self.is_floor else "more"

    def option_value(self, config: Config) -> float | None:
        """The value of its option; None where it is not set."""
        value: float | None = getattr(config, self.option.removeprefix("--").replace("-", "_"))
        return value

    def parse(self, value: float) -> float:
        """The most that a value of the option allows."""
        return value

    def value(self, amount: float) -> float:
        """The value of the option that allows just an amount; it undoes `parse`."""
        return amount

    @abstractmethod
    def amount(self, census: Census, machine: Machine) -> float:
        """How much a network has of it; infinite where that cannot be told."""

    @abstractmethod
    def unit_costs(self, anatomy: Anatomy, genome: Genome, machine: Machine) -> dict[str, Tensor]:
        """{removable group: (size,) float64, how much of it dies with each unit while all others stay}.

        Args:
            anatomy: the ancestor's.
            genome: of the network that the unit is taken from.
            machine: the one that the run aims at.
        """

    @abstractmethod
    def format(self, amount: float) -> str:
        """An amount with its unit, such as `2,293,000 macs`, `1.42 ms` or `41.3 images/J`."""

    @abstractmethod
    def as_given(self, most: float) -> str:
        """A limit as its option takes it."""

    @abstractmethod
    def used(self, amount: float, most: float, measured: bool) -> str:
        """An amount beside its limit, such as `40,000 macs of 50,000` or `predicted 1.4 ms of 3 ms`."""
