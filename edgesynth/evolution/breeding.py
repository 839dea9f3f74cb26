"""Breeding: one individual from its parents. A pure function of configuration, parents and place."""

from __future__ import annotations

import copy
from collections.abc import Sequence

from torch import Tensor, nn

from edgesynth.anatomy import remove
from edgesynth.evolution.dna import Dna, encode, priced
from edgesynth.evolution.environment import build_world
from edgesynth.evolution.evolution import Place
from edgesynth.evolution.landing import synthesise_on_budget
from edgesynth.evolution.mating import build_rite, gene_pool, mean_dna, mean_state, no_more_than
from edgesynth.evolution.patience import attempt_of, milder
from edgesynth.evolution.progress import Progress
from edgesynth.evolution.strength import Parent
from edgesynth.evolution.strength.measuring import cluster_products, normalisation_scales
from edgesynth.evolution.strength.parent import alive_synapses
from edgesynth.evolution.synthesis import ration
from edgesynth.lineage import Config, Genome, Individual, Record, Species, generator, individual_name, state
from edgesynth.nurture import Recipe, Teacher, nurture, score, squared_gradients
from edgesynth.tasks import Classification


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

    def ancestor(self) -> Individual:
        """Train the ancestor, generation 0."""
        genome = Genome.whole(self.species.anatomy)
        network = remove(self.species.model, self.species.plan(genome))
        return self._nurtured(network, genome, 0, 0, (), self.config.ancestor_epochs, {})

    def offspring(self, parents: Sequence[Individual], place: Place) -> Individual:
        """Synthesise and nurture the child of a place; its parents in the order of `place.parents`."""
        genome, facts = self._synthesise(parents, place)
        census = genome.census(self.species.anatomy)
        grown = place.generation == self.config.generations or (
            self.config.budgets and all(getattr(census, name) <= most for name, most in self.config.budgets.items())
        )
        epochs = self.config.final_epochs if grown else self.config.epochs
        network = self._inherit(parents, genome)
        if place.proxy:
            epochs = self.config.proxy_epochs
        return self._nurtured(network, genome, place.generation, place.child, place.parents, epochs, facts, place.proxy)

    def _synthesise(self, parents: Sequence[Individual], place: Place) -> tuple[Genome, dict[str, object]]:
        """Draw the genome of a place, the same in both rounds."""
        attempt = attempt_of(self.config, place.child)
        config = milder(self.config, attempt)
        wholes, dnas = zip(*(self._encoded(parent, place.generation) for parent in parents), strict=True)
        needed = build_rite(config).needed(len(parents))
        pool = gene_pool(wholes, needed)
        dna = priced(mean_dna(dnas, wholes, config.strength), pool, config.allocation)
        best, offered = parents[0].record.census, pool.genome.census(pool.anatomy)
        fed = no_more_than(ration(config, best), best, offered)
        draws = generator(config.seed, place.generation, place.child, "synthesis")
        genome, facts = synthesise_on_budget(pool, dna, build_world(config), config, fed, best, draws)
        if len(parents) > 1:
            facts["mating"] = {"needed": needed, "clusters": offered.clusters, "synapses": offered.synapses}
        if config.patience:
            facts["attempt"] = attempt
        return genome, facts

    def _encoded(self, parent: Individual, generation: int) -> tuple[Parent, Dna]:
        anatomy, plan = self.species.anatomy, self.species.plan(parent.genome)

        def squared() -> dict[str, Tensor]:
            # siblings see the same images, and so do their parents
            draws = generator(self.config.seed, generation, 0, "sensitivity")
            energy = squared_gradients(self.species.removed(parent), self.task, anatomy.weights(), draws)
            return {name: plan.uncut(name, tensor) for name, tensor in energy.items()}

        def products() -> dict[tuple[str, int], Tensor]:
            draws = generator(self.config.seed, generation, 0, "sensitivity")
            return cluster_products(self.species.removed(parent), self.task, anatomy, plan, draws)

        whole = Parent(
            anatomy=anatomy,
            genome=parent.genome,
            weights={name: plan.uncut(name, parent.weights[name]) for name in anatomy.weights()},
            alive=alive_synapses(anatomy, parent.genome),
            squared_gradients=squared,
            scales=normalisation_scales(anatomy, plan, parent.weights),
            summed_products=products,
        )
        config = self.config
        return whole, encode(whole, config.encoding, config.strength, config.normaliser, config.allocation)

    def _inherit(self, parents: Sequence[Individual], genome: Genome) -> nn.Module:
        """The offspring's network, physically small, with its parents' surviving weights."""
        whole = copy.deepcopy(self.species.model)
        whole.load_state_dict(mean_state(self.species, parents))
        return remove(whole, self.species.plan(genome))

    def _nurtured(
        self,
        network: nn.Module,
        genome: Genome,
        generation: int,
        child: int,
        parents: tuple[str, ...],
        epochs: int,
        facts: dict[str, object],
        proxy: bool = False,
    ) -> Individual:
        name, config, plan = individual_name(generation, child), self.config, self.species.plan(genome)
        recipe = Recipe(epochs, config.batch_size, config.learning_rate)
        masks = {weight: plan.cut(weight, mask) for weight, mask in genome.synapses.items()}
        census = genome.census(self.species.anatomy)
        self.progress.nurture(name, epochs, census)
        losses = nurture(
            network,
            self.task,
            recipe,
            generator(config.seed, generation, child, "proxy" if proxy else "nurture"),
            synapses={weight: mask for weight, mask in masks.items() if not bool(mask.all())},
            teacher=self.teacher,
            epoch_done=lambda epoch, loss: self.progress.epoch(name, epoch, loss),
        )
        validation = score(network, self.task, self.task.validation)
        floor = config.min_accuracy if config.min_accuracy is not None else 0.0
        record = Record(
            generation,
            child,
            parents,
            validation,
            validation >= floor,
            census,
            facts,
            {"epochs": epochs, "losses": losses, **({"proxy": True} if proxy else {})},
        )
        return Individual(record, genome, state(network))
