"""Breeding: one individual from its parents. A pure function of configuration, parents and place."""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from torch import Tensor, nn

from edgesynth.anatomy import remove
from edgesynth.errors import UserError
from edgesynth.evolution.budgets import Budgets
from edgesynth.evolution.budgets.layer_times import times_of
from edgesynth.evolution.budgets.machine import Correction
from edgesynth.evolution.offspring.genome_sampler import GenomeSampler
from edgesynth.evolution.offspring.initial_weights import heritable, reborn, rewound
from edgesynth.evolution.offspring.matched_streams import matched_streams
from edgesynth.evolution.offspring.precision import cut_scales, finish, wanted_precision
from edgesynth.evolution.offspring.proving import FACT, words
from edgesynth.evolution.place import Place
from edgesynth.evolution.progress import Progress
from edgesynth.lineage import Config, Genome, Individual, Record, Species, generator, set_state, state, state_sha256
from edgesynth.nurture import (
    Callback,
    DeadSynapses,
    DivergenceError,
    Hardware,
    MovingAverage,
    Places,
    Quantizers,
    Recipe,
    RewindPoint,
    Schedule,
    Stress,
    Teacher,
    batches,
    choose_autocast,
    choose_device,
    living_groups,
    nurture,
    reestimate,
    reproducible,
    resident,
    score,
)
from edgesynth.quantization import fitted_scale
from edgesynth.tasks import Task

CALIBRATION_BATCH = 256


class Breeder:
    """Breeds the individuals of one run.

    Args:
        config: the run's.
        species: the ancestor's network and anatomy.
        task: what the networks learn.
        progress: every epoch is reported to it.

    Attributes:
        cpu_task: the task with all its images in the memory of the CPU.
        weights: the network's state that the ancestor begins with, if `config.weights` names one; until it is bred.
        teacher: the ancestor, once there is one.
        rewind: its weights early in its training, if offspring begin there.
    """

    def __init__(self, config: Config, species: Species, task: Task, progress: Progress) -> None:
        self.config = config
        self.species = species
        self.device = choose_device(config.device)
        self.cpu_task, self.task = task, resident(task, self.device)
        self.progress = progress
        self.precision = wanted_precision(config, species)
        world = self.precision if config.precision_at == "start" else {}
        times = times_of(species)
        self.budgets = Budgets(config, species.anatomy, species.other_kernels, times)
        self.sampler = GenomeSampler(config, species, self.task, self.device, world, times)
        self.weights: dict[str, Tensor] | None = None
        self.teacher: Teacher | None = None
        self.rewind: dict[str, Tensor] | None = None

    def settle(self, config: Config) -> None:
        """Go on by a configuration in which the ancestor has settled floor and budget."""
        self.config = self.sampler.config = config
        self.budgets.settle(config)

    def ancestor(self) -> Individual:
        """Train the ancestor, generation 0.

        It is never stressed: it is the teacher, and the control of runs that differ in stress.

        Raises:
            UserError: its training runs away.
        """
        genome = Genome.unpruned(self.species.anatomy)
        network = self._first(genome)
        early = [RewindPoint()] if self.config.rewinds else []
        begun = {} if self.weights is None else {"weights_sha256": state_sha256(self.weights)}
        with reproducible(self.device):
            raised = self._raised(network, genome, Place(0, 0, ()), self.config.ancestor_epochs, begun, early, {})
        if raised.record.died:
            raise UserError(
                f"the ancestor cannot be trained: {raised.record.died}; lower --learning-rate "
                f"(it is {self.config.learning_rate:g})"
            )
        return replace(raised, rewind=early[0].state if early else None)

    def _first(self, genome: Genome) -> nn.Module:
        """The ancestor's network as its nurture will find it."""
        model = self.species.model
        if self.config.weights is not None:
            assert self.weights is not None
            model = copy.deepcopy(model)
            set_state(model, self.weights)
        return remove(model, self.species.plan(genome))

    def offspring(
        self, parents: Sequence[Individual], place: Place, correction: Correction | None = None
    ) -> Individual:
        """Synthesize and nurture the child of a place; one whose training runs away is returned dead.

        Stress prepares for the next synthesis: a child that has grown up, and will have none, is spared.

        Args:
            parents: in the order of `place.parents`.
            place: where it stands in the lineage.
            correction: of what is predicted, by what the run has measured; see `Budgets.seen_from`.
        """
        with reproducible(self.device):
            return self._offspring(parents, place, correction)

    def _offspring(self, parents: Sequence[Individual], place: Place, correction: Correction | None) -> Individual:
        config, start = self.config, time.perf_counter()
        budgets = self.budgets.seen_from(parents[0], correction)
        genome, facts = self.sampler.draw(parents, place, correction)
        if FACT in facts:
            self.progress.note(words(place.name, facts[FACT]))
        grown = self._has_last_nurture(place) or budgets.within(genome.census(self.species.anatomy))
        rounded = self._precision_of(genome) if grown or config.precision_at == "start" else {}
        genome = replace(genome, precision=rounded)
        network, scales = self._begun(parents, genome, place, grown)
        synthesis_s = time.perf_counter() - start

        epochs = config.proxy_epochs if place.proxy else config.final_epochs if grown else config.epochs
        stress = [] if grown else self._stress(genome, place)
        raised = self._raised(network, genome, place, epochs, facts, stress, scales)
        if not (grown or place.proxy or raised.record.died) and budgets.within(raised.record.census):
            raised, grown = self._grown_up(raised, place), True
        if config.measure_on is not None:
            # What is measured is not known before the nurture: one that turns out to meet every budget may be ungrown.
            raised.record.nurture["grown"] = grown
        return replace(raised, measured={"synthesis_s": synthesis_s, **raised.measured})

    def _has_last_nurture(self, place: Place) -> bool:
        """Whether an offspring of this place is trained to the end, whatever its size.

        Where latency is the objective, each may be the last that keeps the floor.
        """
        return self.config.objective == "latency" or place.generation == self.config.generations

    def _grown_up(self, first: Individual, place: Place) -> Individual:
        """Nurtured once more and to the end, because it meets every budget only since synapses rounded to zero.

        Its record tells of both nurtures: the one before is `first`.
        """
        network, scales = self._begun([first], first.genome, place, grown=True)
        epochs, synthesis = self.config.final_epochs, first.record.synthesis
        last = self._raised(network, first.genome, place, epochs, synthesis, [], scales)
        last.record.nurture["first"] = first.record.nurture
        nurture_s = first.measured["nurture_s"] + last.measured["nurture_s"]
        return replace(last, measured={**last.measured, "nurture_s": nurture_s})

    def lost(
        self, parents: Sequence[Individual], place: Place, reason: str, correction: Correction | None = None
    ) -> Individual:
        """The offspring that no worker lived to nurture: dead, its genome as drawn, its weights as inherited."""
        with reproducible(self.device):
            genome, facts = self.sampler.draw(parents, place, correction)
            network, _ = self._begun(parents, genome, place, grown=False)
        DeadSynapses(self._masks(genome)).begin(network)
        fate = {"epochs": 0, "losses": [], "died": reason, "lost": True}
        return self._individual(place, genome, state(network), {}, 0.0, facts, fate)

    def _begun(
        self, parents: Sequence[Individual], genome: Genome, place: Place, grown: bool
    ) -> tuple[nn.Module, dict[str, Tensor]]:
        """The offspring's network, physically small, as its nurture will find it, and the scales that came with it."""
        inheritance = (self.config.final_inheritance if grown else None) or self.config.inheritance
        if inheritance == "newborn":
            draws = generator(self.config.seed, place.generation, place.child, "newborn")
            return reborn(self.species, genome, draws), {}
        if inheritance == "rewound":
            assert self.rewind is not None
            return rewound(self.species, self.rewind, genome), {}
        best = parents[0]
        return heritable(self.species, parents, genome), cut_scales(self.species, best.scales, best.genome, genome)

    def _precision_of(self, genome: Genome) -> dict[str, str]:
        """{weight: precision} of the layers that a genome still has."""
        gone = self.species.anatomy.gone(genome.kept)
        return {weight: kind for weight, kind in self.precision.items() if weight not in gone}

    def _stress(self, genome: Genome, place: Place) -> list[Callback]:
        config, anatomy = self.config, self.species.anatomy
        if config.stress == "none":
            return []
        schedule = Schedule(config.stress_factor, config.stress_tail)
        draws = generator(config.seed, place.generation, place.child, "stress")
        gone = anatomy.gone(genome.kept)
        weights = [name for name in anatomy.weights() if name not in gone]
        return [Stress(config.stress, schedule, weights, living_groups(anatomy, genome.kept), draws)]

    def _raised(
        self,
        network: nn.Module,
        genome: Genome,
        place: Place,
        epochs: int,
        synthesis: dict[str, Any],
        callbacks: Sequence[Callback],
        scales: dict[str, Tensor],
    ) -> Individual:
        """Nurture a network and find out what became of it."""
        start, config, masks = time.perf_counter(), self.config, self._masks(genome)
        census = genome.census(self.species.anatomy)
        hardware = Hardware(self.device, choose_autocast(config.autocast, self.device, census.macs))
        DeadSynapses(masks).begin(network)
        network.to(self.device)
        if config.reestimate and place.parents:
            draws = generator(config.seed, place.generation, place.child, "running statistics")
            reestimate(network, self.task, draws)
        inherited = state(network)
        self.progress.nurture(place.name, epochs, census)
        quantizers = Quantizers(network, genome.precision if config.precision_at == "start" else {}, scales)
        try:
            losses = nurture(
                network,
                self.task,
                self._recipe(epochs),
                generator(config.seed, place.generation, place.child, "proxy" if place.proxy else "nurture"),
                synapses=masks,
                teacher=self.teacher,
                epoch_done=lambda epoch, loss: self.progress.epoch(place.name, epoch, loss),
                learned=quantizers.parameters(),
                callbacks=[*callbacks, *([MovingAverage(config.ema)] if config.ema else [])],
                hardware=hardware,
                places=self._places(network, genome),
            )
        except DivergenceError as death:
            facts = {"epochs": len(death.losses), "losses": death.losses, "died": str(death)}
            raised = self._individual(place, replace(genome, precision={}), inherited, {}, 0.0, synthesis, facts)
        else:
            if config.precision_at == "end":
                quantizers = Quantizers(network, genome.precision, start=fitted_scale)
            settled = quantizers.settle(partial(self._first_images, place))
            validate = partial(score, task=self.task, split=self.task.validation)
            end = finish(self.species, genome, network, settled, validate)
            facts = {"epochs": epochs, "losses": losses, **end.facts(end.genome.census(self.species.anatomy))}
            raised = self._individual(
                place, end.genome, state(end.network), end.scales, end.validation, synthesis, facts
            )
        for callback in callbacks:
            raised.record.nurture.update(callback.facts())
        return replace(raised, measured={"nurture_s": time.perf_counter() - start, **hardware.to_json()})

    def _places(self, network: nn.Module, genome: Genome) -> Places:
        """Where its features are compared with the ancestor's."""
        if not self.config.feature_distillation:
            return {}
        return matched_streams(self.species.anatomy, self.species.plan(genome), network)

    def _masks(self, genome: Genome) -> dict[str, Tensor]:
        """{weight that lacks synapses: bool mask of its shape after removal}."""
        plan = self.species.plan(genome)
        masks = {weight: plan.cut(weight, mask) for weight, mask in genome.synapses.items()}
        return {weight: mask for weight, mask in masks.items() if not bool(mask.all())}

    def _individual(
        self,
        place: Place,
        genome: Genome,
        weights: dict[str, Tensor],
        scales: dict[str, Tensor],
        validation: float,
        synthesis: dict[str, Any],
        facts: dict[str, Any],
    ) -> Individual:
        # An ancestor's record must not depend on the floor, which may be lowered for it.
        floor = (self.config.min_accuracy or 0.0) if place.parents else 0.0
        feasible = "died" not in facts and validation >= floor
        facts = {**facts, **({"proxy": True} if place.proxy else {})}
        census = genome.census(self.species.anatomy)
        record = Record(place.generation, place.child, place.parents, validation, feasible, census, synthesis, facts)
        return Individual(record, genome, weights, scales)

    def _recipe(self, epochs: int) -> Recipe:
        config = self.config
        return Recipe(
            epochs,
            config.batch_size,
            config.learning_rate,
            config.weight_decay,
            distillation=config.distillation,
            temperature=config.distillation_temperature,
            features=config.feature_distillation,
        )

    def _first_images(self, place: Place) -> Tensor:
        """(N, C, H, W), N at most 256: from which scales start that training has not shown anything."""
        draws = generator(self.config.seed, place.generation, place.child, "calibration")
        return next(batches(self.task, CALIBRATION_BATCH, draws)).images[:CALIBRATION_BATCH]
