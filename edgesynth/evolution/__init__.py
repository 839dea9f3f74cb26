"""Evolution: encode a parent (`dna`), scale its probabilities (`environment`), draw (`synthesis`), select."""

from edgesynth.evolution.evolution import Evolution
from edgesynth.evolution.executors import EXECUTORS, Executor, build_executor
from edgesynth.evolution.instrument import Instrument
from edgesynth.evolution.loop.evolve import evolve
from edgesynth.evolution.loop.replay import Replay, replay
from edgesynth.evolution.place import Place
from edgesynth.evolution.preflight.continuing import begun_with, options_of
from edgesynth.evolution.progress import Progress

__all__ = [
    "EXECUTORS",
    "Evolution",
    "Executor",
    "Instrument",
    "Place",
    "Progress",
    "Replay",
    "begun_with",
    "build_executor",
    "evolve",
    "options_of",
    "replay",
]
