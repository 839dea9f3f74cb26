"""What an executor is handed, what it gives back, and what it must be able to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol

from edgesynth.evolution.offspring.breeding import Breeder
from edgesynth.lineage import Individual


class Birth(NamedTuple):
    """One individual that is to be bred.

    Attributes:
        name: its name within the run.
        breed: breeds it with the run's breeder; a function that other processes can be handed.
        lose: the same individual, recorded as lost for the reason given; None where the run cannot do without it.
    """

    name: str
    breed: Callable[[Breeder], Individual]
    lose: Callable[[Breeder, str], Individual] | None = None


class Bred(NamedTuple):
    """One individual that was bred.

    Attributes:
        individual: with its genome and weights.
        seconds: wall time of its breeding.
    """

    individual: Individual
    seconds: float


class Executor(Protocol):
    """Breeds what it is handed; open between `with`."""

    def __enter__(self) -> Executor:
        """Make ready."""

    def __exit__(self, *reason: object) -> None:
        """Let go of every process and device."""

    def breed(self, breeder: Breeder, births: Sequence[Birth]) -> Iterator[Bred]:
        """Breed each, and give each back as soon as it is finished, in any order."""
