"""In this process: one after the other."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from edgesynth.evolution.executors.birth import Birth, Bred
from edgesynth.evolution.offspring.breeding import Breeder


class InProcess:
    """Breeds in the calling process, in the order asked for."""

    def __enter__(self) -> InProcess:
        return self

    def __exit__(self, *reason: object) -> None:
        return None

    def breed(self, breeder: Breeder, births: Sequence[Birth]) -> Iterator[Bred]:
        """Breed each when the one before has been taken."""
        for birth in births:
            start = time.perf_counter()
            individual = birth.breed(breeder)
            yield Bred(individual, time.perf_counter() - start)
