"""Breeding: one individual from its parent. A pure function of configuration, parent and place."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor, nn

from edgesynth.anatomy import remove
from edgesynth.errors import UserError
from edgesynth.evolution.dna import encode
from edgesynth.evolution.environment import build_world
from edgesynth.evolution.inheritance import heritable, reborn, rewound
from edgesynth.evolution.progress import Progress
from edgesynth.evolution.strength import Parent
from edgesynth.evolution.strength.parent import alive_synapses
from edgesynth.evolution.synthesis import ration, synthesise
from edgesynth.lineage import Config, Genome, Individual, Record, Species, generator, individual_name, state
from edgesynth.nurture import (
    DeadSynapses,
    DivergenceError,
    Hardware,
    Influence,
    MovingAverage,
    Recipe,
    Schedule,
    Snapshot,
    Stress,
    Teacher,
    choose_autocast,
    choose_device,
    living_groups,
    nurture,
    reestimate,
    reproducible,
    resident,
    score,
    squared_gradients,
)
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
        self.device = choose_device(config.device)
        self.task = resident(task, self.device)
        self.progress = progress
        self.teacher: Teacher | None = None
        self.rewind: dict[str, Tensor] | None = None

    def ancestor(self) -> Individual:
        """Train the ancestor, generation 0.

        It is never stressed: it is the teacher, and the yardstick of runs that differ in stress.

        Raises:
            UserError: its training runs away.
        """
        genome = Genome.whole(self.species.anatomy)
        network = remove(self.species.model, self.species.plan(genome))
        early = [Snapshot()] if self.config.inheritance == "rewound" else []
        with reproducible(self.device):
            raised = self._nurtured(network, genome, 0, 0, (), self.config.ancestor_epochs, {}, early)
        if raised.record.died:
            raise UserError(
                f"the ancestor cannot be trained: {raised.record.died}; lower --learning-rate "
                f"(it is {self.config.learning_rate:g})"
            )
        return replace(raised, rewind=early[0].state if early else None)

    def offspring(self, parent: Individual, generation: int, child: int) -> Individual:
        """Synthesise and nurture one child of a parent; one whose training runs away is returned dead.

        Stress prepares for the next synthesis: a child that has grown up, and will have none, is spared.
        """
        start = time.perf_counter()
        with reproducible(self.device):
            genome, facts = self._synthesise(parent, generation, child)
            network = self._inherit(parent, genome, generation, child)
            synthesis_s = time.perf_counter() - start
            census = genome.census(self.species.anatomy)
            grown = generation == self.config.generations or (
                self.config.budgets and all(getattr(census, name) <= most for name, most in self.config.budgets.items())
            )
            epochs = self.config.final_epochs if grown else self.config.epochs
            stress = [] if grown else self._stress(genome, generation, child)
            raised = self._nurtured(network, genome, generation, child, (parent.name,), epochs, facts, stress)
        return replace(raised, measured={"synthesis_s": synthesis_s, **raised.measured})

    def _synthesise(self, parent: Individual, generation: int, child: int) -> tuple[Genome, dict[str, object]]:
        anatomy, plan = self.species.anatomy, self.species.plan(parent.genome)

        def squared() -> dict[str, Tensor]:
            draws = generator(self.config.seed, generation, 0, "sensitivity")  # siblings see the same images
            network = self.species.removed(parent).to(self.device)
            energy = squared_gradients(network, self.task, anatomy.weights(), draws)
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

    def _inherit(self, parent: Individual, genome: Genome, generation: int, child: int) -> nn.Module:
        """The offspring's network, physically small, as its nurture will find it."""
        if self.config.inheritance == "newborn":
            return reborn(self.species, genome, generator(self.config.seed, generation, child, "newborn"))
        if self.config.inheritance == "rewound":
            assert self.rewind is not None
            return rewound(self.species, self.rewind, genome)
        return heritable(self.species, parent, genome)

    def _stress(self, genome: Genome, generation: int, child: int) -> list[Influence]:
        config, anatomy = self.config, self.species.anatomy
        if config.stress == "none":
            return []
        schedule = Schedule(config.stress_factor, config.stress_tail)
        draws = generator(config.seed, generation, child, "stress")
        return [Stress(config.stress, schedule, anatomy.weights(), living_groups(anatomy, genome.kept), draws)]

    def _nurtured(
        self,
        network: nn.Module,
        genome: Genome,
        generation: int,
        child: int,
        parents: tuple[str, ...],
        epochs: int,
        synthesis: dict[str, object],
        influences: Sequence[Influence],
    ) -> Individual:
        start = time.perf_counter()
        name, config, plan = individual_name(generation, child), self.config, self.species.plan(genome)
        masks = {weight: plan.cut(weight, mask) for weight, mask in genome.synapses.items()}
        masks = {weight: mask for weight, mask in masks.items() if not bool(mask.all())}
        census = genome.census(self.species.anatomy)
        hardware = Hardware(self.device, choose_autocast(config.autocast, self.device, census.macs))
        DeadSynapses(masks).begin(network)
        if config.reestimate and parents:
            network.to(self.device)
            reestimate(network, self.task, generator(config.seed, generation, child, "running statistics"))
        inherited = state(network)
        self.progress.nurture(name, epochs, census)
        try:
            losses = nurture(
                network,
                self.task,
                self._recipe(epochs),
                generator(config.seed, generation, child, "nurture"),
                synapses=masks,
                teacher=self.teacher,
                epoch_done=lambda epoch, loss: self.progress.epoch(name, epoch, loss),
                influences=[*influences, *([MovingAverage(config.ema)] if config.ema else [])],
                hardware=hardware,
            )
        except DivergenceError as death:
            validation, feasible, weights = 0.0, False, inherited
            facts: dict[str, object] = {"epochs": len(death.losses), "losses": death.losses, "died": str(death)}
        else:
            validation, weights = score(network, self.task, self.task.validation), state(network)
            feasible = validation >= (config.min_accuracy if config.min_accuracy is not None else 0.0)
            facts = {"epochs": epochs, "losses": losses}
        for influence in influences:
            facts.update(influence.facts())
        record = Record(generation, child, parents, validation, feasible, census, synthesis, facts)
        measured = {"nurture_s": time.perf_counter() - start, **hardware.to_json()}
        return Individual(record, genome, weights, measured=measured)

    def _recipe(self, epochs: int) -> Recipe:
        config = self.config
        return Recipe(
            epochs,
            config.batch_size,
            config.learning_rate,
            config.weight_decay,
            distillation=config.distillation,
            temperature=config.distillation_temperature,
        )
