"""Breeding: one individual from its parent. A pure function of configuration, parent and place."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from torch import Tensor, nn

from edgesynth.anatomy import Census, remove
from edgesynth.evolution.dna import encode
from edgesynth.evolution.environment import build_world
from edgesynth.evolution.landing import synthesise_on_budget
from edgesynth.evolution.precision import cut_scales, finish, restricted, wanted_precision
from edgesynth.evolution.progress import Progress
from edgesynth.evolution.strength import Parent
from edgesynth.evolution.strength.measuring import cluster_products, normalisation_scales
from edgesynth.evolution.strength.parent import alive_synapses
from edgesynth.lineage import Config, Genome, Individual, Record, Species, generator, individual_name, state
from edgesynth.nurture import Quantisers, Recipe, Teacher, batches, nurture, score, squared_gradients
from edgesynth.nurture.precision import fitted_scale
from edgesynth.tasks import Classification

CALIBRATION_BATCH = 256


class Breeder:
    """Breeds the individuals of one run.

    Args:
        config: the run's.
        species: the ancestor's network and anatomy.
        task: what the networks learn.
        progress: told of every epoch.
    """

    def __init__(self, config: Config, species: Species, task: Classification, progress: Progress) -> None:
        self.config = config
        self.species = species
        self.task = task
        self.progress = progress
        self.teacher: Teacher | None = None
        self.precision = wanted_precision(config, species)

    def ancestor(self) -> Individual:
        """Train the ancestor, generation 0."""
        genome = Genome.whole(self.species.anatomy)
        network = remove(self.species.model, self.species.plan(genome))
        return self._nurtured(network, genome, 0, 0, (), self.config.ancestor_epochs, {})

    def offspring(self, parent: Individual, generation: int, child: int) -> Individual:
        """Synthesise and nurture one child of a parent."""
        genome, facts = self._synthesise(parent, generation, child)
        grown = generation == self.config.generations or self._within_budgets(genome.census(self.species.anatomy))
        epochs = self.config.final_epochs if grown else self.config.epochs
        genome = replace(genome, precision=self.precision if grown or self.config.precision_at == "start" else {})
        network, scales = self._inherit(parent, genome), cut_scales(self.species, parent.scales, parent.genome, genome)
        born = self._nurtured(network, genome, generation, child, (parent.name,), epochs, facts, scales)
        if grown or not self._within_budgets(born.record.census):
            return born
        # It is small enough only since synapses rounded to zero: what meets every budget is trained to the end.
        network, epochs = self.species.removed(born), self.config.final_epochs
        return self._nurtured(network, born.genome, generation, child, (parent.name,), epochs, facts, born.scales)

    def _within_budgets(self, census: Census) -> bool:
        budgets = self.config.budgets
        return bool(budgets) and all(getattr(census, name) <= most for name, most in budgets.items())

    def _synthesise(self, parent: Individual, generation: int, child: int) -> tuple[Genome, dict[str, object]]:
        anatomy, plan = self.species.anatomy, self.species.plan(parent.genome)

        def squared() -> dict[str, Tensor]:
            draws = generator(self.config.seed, generation, 0, "sensitivity")  # siblings see the same images
            energy = squared_gradients(self.species.quantised(parent), self.task, anatomy.weights(), draws)
            return {name: plan.uncut(name, tensor) for name, tensor in energy.items()}

        def products() -> dict[tuple[str, int], Tensor]:
            draws = generator(self.config.seed, generation, 0, "sensitivity")
            return cluster_products(self.species.quantised(parent), self.task, anatomy, plan, draws)

        whole = Parent(
            anatomy=anatomy,
            genome=parent.genome,
            weights={name: plan.uncut(name, parent.weights[name]) for name in anatomy.weights()},
            alive=alive_synapses(anatomy, parent.genome),
            squared_gradients=squared,
            scales=normalisation_scales(anatomy, plan, parent.weights),
            summed_products=products,
        )
        whole, underflow = restricted(whole, self.precision if self.config.precision_at == "start" else {})
        config = self.config
        dna = encode(whole, config.encoding, config.strength, config.normaliser, config.allocation)
        draws = generator(config.seed, generation, child, "synthesis")
        genome, facts = synthesise_on_budget(whole, dna, build_world(config), config, parent.record.census, draws)
        return genome, {**facts, **underflow}

    def _inherit(self, parent: Individual, genome: Genome) -> nn.Module:
        """The offspring's network, physically small, with its parent's surviving weights."""
        return self.species.shrunk(parent.weights, parent.genome, genome)

    def _nurtured(
        self,
        network: nn.Module,
        genome: Genome,
        generation: int,
        child: int,
        parents: tuple[str, ...],
        epochs: int,
        facts: dict[str, object],
        scales: dict[str, Tensor] | None = None,
    ) -> Individual:
        name, config, plan = individual_name(generation, child), self.config, self.species.plan(genome)
        recipe = Recipe(epochs, config.batch_size, config.learning_rate)
        masks = {weight: plan.cut(weight, mask) for weight, mask in genome.synapses.items()}
        census = genome.census(self.species.anatomy)
        self.progress.nurture(name, epochs, census)
        quantisers = Quantisers(network, genome.precision if config.precision_at == "start" else {}, scales)
        losses = nurture(
            network,
            self.task,
            recipe,
            generator(config.seed, generation, child, "nurture"),
            synapses={weight: mask for weight, mask in masks.items() if not bool(mask.all())},
            teacher=self.teacher,
            epoch_done=lambda epoch, loss: self.progress.epoch(name, epoch, loss),
            learned=quantisers.parameters(),
        )
        if config.precision_at == "end":
            quantisers = Quantisers(network, genome.precision, start=fitted_scale)
        settled = quantisers.settle(partial(self._first_images, generation, child))
        validate = partial(score, task=self.task, split=self.task.validation)
        finished = finish(self.species, genome, network, settled, validate)
        census = finished.genome.census(self.species.anatomy)
        floor = config.min_accuracy if config.min_accuracy is not None else 0.0
        record = Record(
            generation,
            child,
            parents,
            finished.validation,
            finished.validation >= floor,
            census,
            facts,
            {"epochs": epochs, "losses": losses, **finished.facts(census)},
        )
        return Individual(record, finished.genome, state(finished.network), finished.scales)

    def _first_images(self, generation: int, child: int) -> Tensor:
        """(N, C, H, W), N at most 256: from which scales start that training has not shown anything."""
        draws = generator(self.config.seed, generation, child, "calibration")
        return next(batches(self.task, CALIBRATION_BATCH, draws)).images
