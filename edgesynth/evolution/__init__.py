"""Evolution: encode a parent (`dna`), let the world feed so much (`environment`), draw (`synthesis`), select."""

from edgesynth.evolution.evolution import Evolution, Place
from edgesynth.evolution.evolve import evolve
from edgesynth.evolution.progress import Progress

__all__ = ["Evolution", "Place", "Progress", "evolve"]
