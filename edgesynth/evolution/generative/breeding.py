"""One cycle of generative synthesis: from the parent and the last cycle's memory to the cycle's individual."""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import nn

from edgesynth.evolution.budgets import MACS, PARAMS
from edgesynth.evolution.budgets.machine import Correction
from edgesynth.evolution.generative.descent import Descent, adapted
from edgesynth.evolution.generative.generator import Generator
from edgesynth.evolution.generative.inquisitor import Inquisitor, reliefs
from edgesynth.evolution.generative.memory import Memory
from edgesynth.evolution.generative.netscore import FORMULA, Requirements, accuracy_db, netscore_of
from edgesynth.evolution.generative.probe_images import hold_out_probe_images
from edgesynth.evolution.generative.reactions import Prober
from edgesynth.evolution.generative.search import Probe, cross_entropy, inquired, reinforce
from edgesynth.evolution.offspring.breeding import Breeder
from edgesynth.evolution.offspring.initial_weights import heritable
from edgesynth.evolution.offspring.proving import FACT, proven, words
from edgesynth.evolution.place import Place
from edgesynth.evolution.progress import Progress
from edgesynth.evolution.synthesis.masks import UnitValues, living
from edgesynth.lineage import Config, Genome, Individual, Run, Species, generator, individual_name, state
from edgesynth.nurture import DeadSynapses, DivergenceError, Hardware, choose_autocast, nurture, reestimate, score
from edgesynth.tasks import Task

SILENCED = 24  # units that are silenced one by one in each network that the inquisitor probes


@dataclass(frozen=True)
class Scored(Probe):
    """A generated network with what was found.

    Attributes:
        network: after its short nurture.
        facts: what the record keeps of it.
    """

    network: nn.Module
    facts: dict[str, Any]


class GenerativeBreeder(Breeder):
    """Breeds one individual a cycle.

    Every network of the run, the ancestor included, is trained without the probe images.

    Args:
        config: the run's.
        species: the ancestor's network and anatomy.
        task: what the networks learn.
        progress: every network is reported to it.
        path: the run directory, where the memory of earlier cycles is.

    Raises:
        UserError: a budget is out of reach.
    """

    def __init__(self, config: Config, species: Species, task: Task, progress: Progress, path: Path) -> None:
        rest, probe_images = hold_out_probe_images(task, config.seed)
        super().__init__(config, species, rest, progress)
        self.descent = Descent.of(config, species.anatomy, species.other_kernels)
        self.prober = Prober(species.anatomy, rest, probe_images)
        self.run = Run(path, config)

    def _offspring(self, parents: Sequence[Individual], place: Place, correction: Correction | None) -> Individual:
        """The cycle's individual; what the cycle leaves to the next goes with it as files."""
        start, (parent,), generation = time.perf_counter(), parents, place.generation
        memory = self._recall(generation - 1)
        alive = living(self.species.anatomy, parent.genome)
        described, memory = self._inquire(parent, memory, generation, alive)
        bounds = self.descent.bounds(parent.record.census, memory.step)
        floor = self.config.min_accuracy if self.config.min_accuracy is not None else 0.0
        required = Requirements(floor, self.descent.at(bounds[0]), self.budgets.amount)

        scored = []
        for number in range(self.config.probes):
            probe = self._probe(parent, memory, bounds, required, generation, number)
            self._learn_from(memory.inquisitor, probe, parent, described, alive, generation, number)
            scored.append(probe)
        best = max(range(len(scored)), key=lambda number: (scored[number].rank, -number))
        rate = sum(probe.rank[0] for probe in scored) / len(scored)
        kept = Memory(memory.logits, self._pull(memory, scored), adapted(memory.step, rate), memory.inquisitor)
        facts = self._facts(scored, best, rate, bounds, generation)
        synthesis_s = time.perf_counter() - start
        individual = self._finished(parent, scored[best], place, facts)
        return replace(individual, files=kept.files(), measured={"synthesis_s": synthesis_s, **individual.measured})

    def _recall(self, generation: int) -> Memory:
        if generation == 0:
            return Memory.first(self.species.anatomy, self.descent.first_step(self.config.keep))
        return Memory.read(self.run, individual_name(generation, 0))

    def _inquire(
        self, parent: Individual, memory: Memory, generation: int, alive: UnitValues
    ) -> tuple[UnitValues, Memory]:
        """Probe the network that this cycle inherits from, and move the generator.

        Returns:
            Features of its units (none without an inquisitor), and the memory with this cycle's generator.
        """
        if self.config.search != "inquisitor":
            moved = {name: logits + memory.pull[name] for name, logits in memory.logits.items()}
            return {}, replace(memory, logits=moved)
        described = self._react(memory.inquisitor, parent, self.species.removed(parent), generation, "parent")
        worth = memory.inquisitor.worth(described)
        return described, replace(memory, logits=inquired(memory.logits, memory.pull, worth, alive))

    def _react(
        self, inquisitor: Inquisitor, individual: Individual, network: nn.Module, generation: int, purpose: str
    ) -> UnitValues:
        """Show a network the probe images and let the inquisitor learn from its ablations; features of its units."""
        reactions = self.prober(
            network,
            individual.genome,
            lambda genome: heritable(self.species, [individual], genome),
            SILENCED,
            generator(self.config.seed, generation, 0, f"silence {purpose}"),
        )
        relief = reliefs(self.species.anatomy, individual.genome, tuple(self.descent.goal), self.budgets.amount)
        described = inquisitor.describe(reactions, relief)
        inquisitor.learn_from_ablations(reactions, described)
        return described

    def _probe(
        self,
        parent: Individual,
        memory: Memory,
        bounds: tuple[float, float],
        required: Requirements,
        generation: int,
        number: int,
    ) -> Scored:
        """One generated network: what it inherits, a short nurture, its score."""
        config, name = self.config, f"{individual_name(generation, 0)} probe {number + 1} of {self.config.probes}"
        seed = generator(config.seed, generation, number, "generate")
        made = Generator(self.species.anatomy, memory.logits)(parent.genome, self.descent, bounds, seed)
        genome, broken = proven(self.species, made.genome, parent.genome)
        if broken:
            made = replace(made, genome=genome, alive=living(self.species.anatomy, genome))
            self.progress.note(words(name, broken))
        place = Place(generation, number, (parent.name,))
        network, masks = self._begun([parent], made.genome, place, grown=False)[0], self._masks(made.genome)
        DeadSynapses(masks).begin(network)
        network.to(self.device)
        census = made.genome.census(self.species.anatomy)
        if config.reestimate:
            reestimate(network, self.task, generator(config.seed, generation, number, "running statistics of a probe"))
        inherited = copy.deepcopy(network)
        self.progress.nurture(name, config.probe_epochs, census)
        try:
            nurture(
                network,
                self.task,
                self._recipe(config.probe_epochs),
                generator(config.seed, generation, number, "nurture of a probe"),
                synapses=masks,
                teacher=self.teacher,
                epoch_done=lambda epoch, loss: self.progress.epoch(name, epoch, loss),
                hardware=Hardware(self.device, choose_autocast(config.autocast, self.device, census.macs)),
            )
            accuracy = score(network, self.task, self.task.validation)
        except DivergenceError:
            network, accuracy = inherited, 0.0  # below any floor; the inquisitor learns from it all the same
        network.cpu()
        rank = required.rank(accuracy, census)
        amounts = dict.fromkeys((MACS.name, PARAMS.name, *self.descent.goal))
        facts = {
            "pressure": made.pressure,
            "target": self.descent.at(made.pressure),
            **{name: self.budgets.amount(census, name) for name in amounts},
            "validation": accuracy,
            "performance_db": netscore_of(accuracy, census),
            "feasible": rank[0],
            **({FACT: broken} if broken else {}),
        }
        return Scored(made, rank, network, facts)

    def _learn_from(
        self,
        inquisitor: Inquisitor,
        probe: Scored,
        parent: Individual,
        described: UnitValues,
        alive: UnitValues,
        generation: int,
        number: int,
    ) -> None:
        """Let the inquisitor, where there is one, learn from a generated network."""
        if not described:
            return
        genome = probe.generated.genome
        probed = Individual(
            replace(parent.record, census=genome.census(self.species.anatomy)), genome, state(probe.network)
        )
        self._react(inquisitor, probed, probe.network, generation, f"probe {number}")
        lost = {name: mask & ~probe.generated.alive[name] for name, mask in alive.items()}
        drop = accuracy_db(parent.record.validation) - accuracy_db(probe.facts["validation"])
        inquisitor.learn_from_network(described, lost, drop)

    def _pull(self, memory: Memory, scored: list[Scored]) -> UnitValues:
        if self.config.search == "inquisitor":
            return reinforce(list(scored))
        if self.config.search == "cross-entropy":
            return cross_entropy(memory.logits, list(scored))
        return {name: logits.new_zeros(len(logits)) for name, logits in memory.logits.items()}

    def _facts(
        self, scored: list[Scored], best: int, rate: float, bounds: tuple[float, float], generation: int
    ) -> dict[str, Any]:
        return {
            "strategy": "generative",
            "search": self.config.search,
            "performance": FORMULA,
            "pressure": list(bounds),
            "probes": [probe.facts for probe in scored],
            "chosen": best,
            "feasible_rate": rate,
            "distinct": len({tuple(map(tuple, probe.generated.genome.kept.values())) for probe in scored}),
            "networks_probed": generation * self.config.probes,
        }

    def _finished(self, parent: Individual, chosen: Scored, place: Place, facts: dict[str, Any]) -> Individual:
        """Nurture the chosen network in full: on from its short nurture, or from weights that the last one is given."""
        genome: Genome = chosen.generated.genome
        census = genome.census(self.species.anatomy)
        # Without budgets, a grown network keeps to the descent's goal.
        goals = self.budgets.limits or self.descent.goal
        grown = place.generation == self.config.generations or self.budgets.meets(census, goals)
        epochs = self.config.final_epochs if grown else self.config.epochs
        genome = replace(genome, precision=self.precision if grown or self.config.precision_at == "start" else {})
        network = chosen.network
        if grown and self.config.final_inheritance is not None:
            network = self._begun([parent], genome, place, grown)[0]
        individual = self._raised(network, genome, place, epochs, facts, [], {})
        if not (grown or individual.record.died) and self.budgets.within(individual.record.census):
            individual = self._grown_up(individual, place)
        if individual.record.died:
            return individual
        ancestor = self.run.record(individual_name(0, 0))
        reached = netscore_of(individual.record.validation, individual.record.census)
        gain = reached - netscore_of(ancestor.validation, ancestor.census)
        facts = {
            **individual.record.synthesis,
            "performance_db": reached,
            "gain_db_per_network_probed": gain / facts["networks_probed"],
        }
        return replace(individual, record=replace(individual.record, synthesis=facts))
