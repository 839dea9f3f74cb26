"""Breeding: one individual from its parents. A pure function of configuration, parents and place."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from torch import Tensor, nn

from edgesynth.anatomy import Census, remove
from edgesynth.evolution.dna import encode, priced
from edgesynth.evolution.environment import build_world
from edgesynth.evolution.evolution import Place
from edgesynth.evolution.landing import synthesise_on_budget
from edgesynth.evolution.mating import build_rite, gene_pool, mean_dna, mean_state, no_more_than
from edgesynth.evolution.patience import attempt_of, milder
from edgesynth.evolution.precision import cut_scales, finish, restricted, wanted_precision
from edgesynth.evolution.progress import Progress
from edgesynth.evolution.strength import Parent
from edgesynth.evolution.strength.measuring import cluster_products, normalisation_scales
from edgesynth.evolution.strength.parent import alive_synapses
from edgesynth.evolution.synthesis import ration
from edgesynth.lineage import Config, Genome, Individual, Record, Species, generator, state
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
        return self._nurtured(network, genome, Place(0, 0, ()), self.config.ancestor_epochs, {})

    def offspring(self, parents: Sequence[Individual], place: Place) -> Individual:
        """Synthesise and nurture the child of a place; its parents in the order of `place.parents`."""
        config = self.config
        genome, facts = self._synthesise(parents, place)
        grown = place.generation == config.generations or self._within_budgets(genome.census(self.species.anatomy))
        genome = replace(genome, precision=self.precision if grown or config.precision_at == "start" else {})
        network, best = self._inherit(parents, genome), parents[0]
        scales = cut_scales(self.species, best.scales, best.genome, genome)
        epochs = config.proxy_epochs if place.proxy else config.final_epochs if grown else config.epochs
        born = self._nurtured(network, genome, place, epochs, facts, scales)
        if grown or place.proxy or not self._within_budgets(born.record.census):
            return born
        # It is small enough only since synapses rounded to zero: what meets every budget is trained to the end.
        network = self.species.removed(born)
        return self._nurtured(network, born.genome, place, config.final_epochs, facts, born.scales)

    def _within_budgets(self, census: Census) -> bool:
        budgets = self.config.budgets
        return bool(budgets) and all(getattr(census, name) <= most for name, most in budgets.items())

    def _synthesise(self, parents: Sequence[Individual], place: Place) -> tuple[Genome, dict[str, Any]]:
        """Draw the genome of a place, the same in both rounds."""
        attempt = attempt_of(self.config, place.child)
        config = milder(self.config, attempt)
        wholes, underflows = zip(*(self._seen(parent, place.generation) for parent in parents), strict=True)
        dnas = [
            encode(whole, config.encoding, config.strength, config.normaliser, config.allocation) for whole in wholes
        ]
        needed = build_rite(config).needed(len(parents))
        pool = gene_pool(wholes, needed)
        dna = priced(mean_dna(dnas, wholes, config.strength), pool, config.allocation)
        best, offered = parents[0].record.census, pool.genome.census(pool.anatomy)
        fed = no_more_than(ration(config, best), best, offered)
        draws = generator(config.seed, place.generation, place.child, "synthesis")
        genome, facts = synthesise_on_budget(pool, dna, build_world(config), config, fed, best, draws)
        facts.update(underflows[0])
        if len(parents) > 1:
            facts["mating"] = {"needed": needed, "clusters": offered.clusters, "synapses": offered.synapses}
        if config.patience:
            facts["attempt"] = attempt
        return genome, facts

    def _seen(self, parent: Individual, generation: int) -> tuple[Parent, dict[str, Any]]:
        """A parent as its strength sees it, in a world of the run's precision, and what that world did to it."""
        anatomy, plan = self.species.anatomy, self.species.plan(parent.genome)

        def squared() -> dict[str, Tensor]:
            # siblings see the same images, and so do their parents
            draws = generator(self.config.seed, generation, 0, "sensitivity")
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
        return restricted(whole, self.precision if self.config.precision_at == "start" else {})

    def _inherit(self, parents: Sequence[Individual], genome: Genome) -> nn.Module:
        """The offspring's network, physically small, with its parents' surviving weights."""
        whole = copy.deepcopy(self.species.model)
        whole.load_state_dict(mean_state(self.species, parents))
        return remove(whole, self.species.plan(genome))

    def _nurtured(
        self,
        network: nn.Module,
        genome: Genome,
        place: Place,
        epochs: int,
        facts: dict[str, Any],
        scales: dict[str, Tensor] | None = None,
    ) -> Individual:
        name, config, plan = place.name, self.config, self.species.plan(genome)
        recipe = Recipe(epochs, config.batch_size, config.learning_rate)
        masks = {weight: plan.cut(weight, mask) for weight, mask in genome.synapses.items()}
        census = genome.census(self.species.anatomy)
        self.progress.nurture(name, epochs, census)
        quantisers = Quantisers(network, genome.precision if config.precision_at == "start" else {}, scales)
        losses = nurture(
            network,
            self.task,
            recipe,
            generator(config.seed, place.generation, place.child, "proxy" if place.proxy else "nurture"),
            synapses={weight: mask for weight, mask in masks.items() if not bool(mask.all())},
            teacher=self.teacher,
            epoch_done=lambda epoch, loss: self.progress.epoch(name, epoch, loss),
            learned=quantisers.parameters(),
        )
        if config.precision_at == "end":
            quantisers = Quantisers(network, genome.precision, start=fitted_scale)
        settled = quantisers.settle(partial(self._first_images, place))
        validate = partial(score, task=self.task, split=self.task.validation)
        finished = finish(self.species, genome, network, settled, validate)
        census = finished.genome.census(self.species.anatomy)
        floor = config.min_accuracy if config.min_accuracy is not None else 0.0
        record = Record(
            place.generation,
            place.child,
            place.parents,
            finished.validation,
            finished.validation >= floor,
            census,
            facts,
            {
                "epochs": epochs,
                "losses": losses,
                **({"proxy": True} if place.proxy else {}),
                **finished.facts(census),
            },
        )
        return Individual(record, finished.genome, state(finished.network), finished.scales)

    def _first_images(self, place: Place) -> Tensor:
        """(N, C, H, W), N at most 256: from which scales start that training has not shown anything."""
        draws = generator(self.config.seed, place.generation, place.child, "calibration")
        return next(batches(self.task, CALIBRATION_BATCH, draws)).images
