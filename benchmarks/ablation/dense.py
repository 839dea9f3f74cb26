"""The ablation's control: a dense network of the same final size, trained from scratch for as many epochs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from benchmarks.shared.lineages import lent_ancestor
from edgesynth.evolution import Progress
from edgesynth.evolution.budgets import limits
from edgesynth.evolution.offspring.breeding import Breeder
from edgesynth.evolution.offspring.first_weights import begin_with_weights
from edgesynth.evolution.offspring.initial_weights import reborn
from edgesynth.lineage import Config, Genome, Species, generator, species
from edgesynth.nurture import Recipe, Teacher, nurture, score
from edgesynth.tasks import Classification, load_task

BISECTIONS = 20


def dense(runs: Path, config: Config, epochs: int, taught: bool) -> dict[str, Any]:
    """Train the ancestor's network, in the largest proportional size that meets the budgets, from fresh weights."""
    task = load_task(config.task, config.data_root, config.image_size)
    kind = species(config.ancestor, task, config.seed)
    genome = largest_within(kind, limits(config))
    network = reborn(kind, genome, generator(config.seed, 0, 0, "dense"))
    recipe = Recipe(epochs, config.batch_size, config.learning_rate, config.weight_decay)
    teacher = Teacher(trained_ancestor(runs, config, kind, task), task) if taught else None
    nurture(network, task, recipe, generator(config.seed, 0, 0, "dense nurture"), teacher=teacher)
    census, whole = genome.census(kind.anatomy), Genome.unpruned(kind.anatomy).census(kind.anatomy)
    return {
        "test_accuracy_percent": score(network, task, task.load_test()),
        "validation_accuracy_percent": score(network, task, task.validation),
        "synapses": census.synapses,
        "clusters": census.clusters,
        "layers": [layer.clusters for layer in census.layers],
        "params": census.params,
        "macs": census.macs,
        "synaptic_efficiency": whole.synapses / census.synapses,
        "cluster_efficiency": whole.clusters / census.clusters,
        "macs_ratio": whole.macs / census.macs,
        "epochs": epochs,
    }


def largest_within(kind: Species, budgets: dict[str, float]) -> Genome:
    """The largest genome that meets the budgets if every group keeps the same share of its units."""
    best, low, high = proportional(kind, 0.0), 0.0, 1.0
    for _ in range(BISECTIONS):
        share = (low + high) / 2
        genome = proportional(kind, share)
        census = genome.census(kind.anatomy)
        if all(getattr(census, name) <= most for name, most in budgets.items()):
            best, low = genome, share
        else:
            high = share
    return best


def proportional(kind: Species, share: float) -> Genome:
    """The first units of every group, a share of them and one at least."""
    return Genome({group.name: list(range(max(1, round(share * group.size)))) for group in kind.anatomy.removable})


def trained_ancestor(runs: Path, config: Config, kind: Species, task: Classification) -> nn.Module:
    """The one that the lineages of this seed share."""
    if lent := lent_ancestor(runs, config):
        return kind.removed(lent[0])
    breeder = Breeder(config, kind, task, Progress())
    begin_with_weights(breeder, runs)
    return kind.removed(breeder.ancestor())
