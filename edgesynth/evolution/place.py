"""Place: where in a lineage an individual stands."""

from __future__ import annotations

from dataclasses import dataclass

from edgesynth.lineage import individual_name


@dataclass(frozen=True)
class Place:
    """An individual to be bred.

    Attributes:
        generation: 1 for the first after the ancestor.
        child: its number in the generation, over all attempts.
        parents: names, the best first.
        proxy: whether it is to have the short nurture of a first round alone.
    """

    generation: int
    child: int
    parents: tuple[str, ...]
    proxy: bool = False

    @property
    def name(self) -> str:
        """Name of the individual, the same in both rounds."""
        return individual_name(self.generation, self.child)
