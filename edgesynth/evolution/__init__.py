"""Evolution: encode a parent (`dna`), let the world feed so much (`environment`), draw (`synthesis`), select."""

from edgesynth.evolution.continuing import options_of
from edgesynth.evolution.evolution import Evolution, Place
from edgesynth.evolution.evolve import evolve
from edgesynth.evolution.executors import EXECUTORS, Executor, build_executor
from edgesynth.evolution.measuring import Instrument
from edgesynth.evolution.progress import Progress
from edgesynth.evolution.replay import Replay, replay

__all__ = [
    "EXECUTORS",
    "Evolution",
    "Executor",
    "Instrument",
    "Place",
    "Progress",
    "Replay",
    "build_executor",
    "evolve",
    "options_of",
    "replay",
]
