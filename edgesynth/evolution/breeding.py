"""Breeding: one individual from its parent. A pure function of configuration, parent and place."""

from __future__ import annotations

import copy

from torch import Tensor, nn

from edgesynth.anatomy import remove
from edgesynth.ancestors import read_weights
from edgesynth.evolution.dna import encode
from edgesynth.evolution.environment import build_world
from edgesynth.evolution.progress import Progress
from edgesynth.evolution.strength import Parent
from edgesynth.evolution.strength.parent import alive_synapses
from edgesynth.evolution.synthesis import ration, synthesise
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
        model = self.species.model
        if self.config.weights is not None:
            model = copy.deepcopy(model)
            model.load_state_dict(read_weights(self.config.weights, model))
        network = remove(model, self.species.plan(genome))
        return self._nurtured(network, genome, 0, 0, (), self.config.ancestor_epochs, {})

    def offspring(self, parent: Individual, generation: int, child: int) -> Individual:
        """Synthesise and nurture one child of a parent."""
        genome, facts = self._synthesise(parent, generation, child)
        census = genome.census(self.species.anatomy)
        grown = generation == self.config.generations or (
            self.config.budgets and all(getattr(census, name) <= most for name, most in self.config.budgets.items())
        )
        epochs = self.config.final_epochs if grown else self.config.epochs
        return self._nurtured(self._inherit(parent, genome), genome, generation, child, (parent.name,), epochs, facts)

    def lost(self, parent: Individual, generation: int, child: int, reason: str) -> Individual:
        """The offspring that no worker lived to nurture: its genome as drawn, its weights as inherited."""
        genome, facts = self._synthesise(parent, generation, child)
        weights = state(self._inherit(parent, genome))
        nurtured = {"epochs": 0, "losses": [], "died": reason}
        census = genome.census(self.species.anatomy)
        record = Record(generation, child, (parent.name,), 0.0, False, census, facts, nurtured)
        return Individual(record, genome, weights)

    def _synthesise(self, parent: Individual, generation: int, child: int) -> tuple[Genome, dict[str, object]]:
        anatomy, plan = self.species.anatomy, self.species.plan(parent.genome)

        def squared() -> dict[str, Tensor]:
            draws = generator(self.config.seed, generation, 0, "sensitivity")  # siblings see the same images
            energy = squared_gradients(self.species.removed(parent), self.task, anatomy.weights(), draws)
            return {name: plan.uncut(name, tensor) for name, tensor in energy.items()}

        whole = Parent(
            anatomy=anatomy,
            genome=parent.genome,
            weights={name: plan.uncut(name, parent.weights[name]) for name in anatomy.weights()},
            alive=alive_synapses(anatomy, parent.genome),
            squared_gradients=squared,
        )
        dna = encode(whole, self.config.encoding, self.config.strength)
        draws = generator(self.config.seed, generation, child, "synthesis")
        fed = ration(self.config, parent.record.census)
        return synthesise(whole, dna, build_world(self.config), fed, draws)

    def _inherit(self, parent: Individual, genome: Genome) -> nn.Module:
        """The offspring's network, physically small, with its parent's surviving weights."""
        before = self.species.plan(parent.genome)
        whole = copy.deepcopy(self.species.model)
        whole.load_state_dict({name: before.uncut(name, tensor) for name, tensor in parent.weights.items()})
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
            generator(config.seed, generation, child, "nurture"),
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
            {"epochs": epochs, "losses": losses},
        )
        return Individual(record, genome, state(network))
