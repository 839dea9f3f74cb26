"""Strategies: heredity (the papers of evolutionary deep intelligence) or generative synthesis.

A strategy is who breeds an individual and who says which one is next. Adding one means adding a file and a branch here.
"""

from __future__ import annotations

from pathlib import Path

from edgesynth.evolution.budgets import Budgets
from edgesynth.evolution.evolution import Evolution
from edgesynth.evolution.fastest import FastestEvolution
from edgesynth.evolution.generative import GenerativeBreeder, GenerativeEvolution
from edgesynth.evolution.offspring.breeding import Breeder
from edgesynth.evolution.progress import Progress
from edgesynth.lineage import Config, Record, Species
from edgesynth.tasks import Task


def build_breeder(config: Config, species: Species, task: Task, progress: Progress, path: Path) -> Breeder:
    """Who breeds the individuals of the run in directory `path`.

    Raises:
        UserError: the strategy cannot meet the configuration's budgets.
    """
    if config.strategy == "generative":
        return GenerativeBreeder(config, species, task, progress, path)
    return Breeder(config, species, task, progress)


def build_evolution(config: Config, ancestor: Record, budgets: Budgets) -> Evolution:
    """The loop that gives the next individuals and takes the finished ones; `min_accuracy` must be resolved."""
    if config.strategy == "generative":
        return GenerativeEvolution(config, ancestor, budgets)
    return (FastestEvolution if config.objective == "latency" else Evolution)(config, ancestor, budgets)
