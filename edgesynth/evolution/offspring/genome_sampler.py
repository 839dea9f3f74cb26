"""GenomeSampler: from parents to the genome of an offspring. A pure function of configuration, parents and place."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor, nn

from edgesynth.anatomy import Census
from edgesynth.evolution.budgets import Budgets
from edgesynth.evolution.budgets.correction import predicted_amounts
from edgesynth.evolution.budgets.layer_times import LayerTimes
from edgesynth.evolution.budgets.machine import Correction
from edgesynth.evolution.offspring.precision import restricted
from edgesynth.evolution.offspring.proving import FACT, proven
from edgesynth.evolution.place import Place
from edgesynth.evolution.retries import attempt_of, milder
from edgesynth.evolution.synthesis.dna import Dna, encode, favored, priced
from edgesynth.evolution.synthesis.draw_to_budget import draw_to_budget
from edgesynth.evolution.synthesis.environment import build_world
from edgesynth.evolution.synthesis.mating import build_rite, gene_pool, mean_dna, no_more_than
from edgesynth.evolution.synthesis.shape import UnreachableError
from edgesynth.evolution.synthesis.shape.to_budget import draw_shape_to_budget
from edgesynth.evolution.synthesis.strength import Parent
from edgesynth.evolution.synthesis.strength.measuring import cluster_products, normalization_scales
from edgesynth.evolution.synthesis.strength.parent import alive_synapses
from edgesynth.evolution.synthesis.synthesis import Ration, ration
from edgesynth.lineage import Config, Genome, Individual, Record, Species, generator
from edgesynth.nurture import squared_gradients
from edgesynth.tasks import Task


class GenomeSampler:
    """Draws the genomes of one run.

    Args:
        config: the run's.
        species: the ancestor's network and anatomy.
        task: what the networks learn.
        device: where strengths that look at gradients measure them.
        precision: {weight: precision} of the world that offspring are born into; empty is fp32.
        times: of this machine's layers, where the run aims at it.
    """

    def __init__(
        self,
        config: Config,
        species: Species,
        task: Task,
        device: torch.device,
        precision: dict[str, str],
        times: LayerTimes | None = None,
    ) -> None:
        self.config = config
        self.species = species
        self.task = task
        self.device = device
        self.precision = precision
        self.times = times
        self._known: list[tuple[int, Record, tuple[Parent, dict[str, Any]]]] = []

    def draw(
        self, parents: Sequence[Individual], place: Place, correction: Correction | None = None
    ) -> tuple[Genome, dict[str, Any]]:
        """The genome of a place, the same in both rounds, and what happened when it was drawn.

        Args:
            parents: in the order of `place.parents`.
            place: where it stands in the lineage.
            correction: of what is predicted, by what the run has measured; see `Budgets.seen_from`.
        """
        attempt = attempt_of(self.config, place.child)
        config = milder(self.config, attempt)
        run_budgets = Budgets(config, self.species.anatomy, self.species.other_kernels, self.times)
        budgets = run_budgets.seen_from(parents[0], correction)
        wholes, underflows = zip(*(self._seen(parent, place.generation) for parent in parents), strict=True)
        needed = build_rite(config).needed(len(parents))
        pool = gene_pool(wholes, needed)
        best, offered = parents[0].record.census, pool.genome.census(pool.anatomy)
        fed = no_more_than(ration(budgets, best), best, offered, config)
        form = (config.encoding, config.strength, config.normalizer, config.allocation, fed.synapses is not None)
        dnas = [encode(whole, *form) for whole in wholes]
        unmet = budgets.unmet(best) or budgets.limits
        dna = priced(mean_dna(dnas, wholes, config.strength), pool, config.allocation, unmet, budgets)
        habitat = generator(config.seed, place.generation, place.child, "environment")
        dna, favors = favored(dna, config.variation, habitat)
        draws = generator(config.seed, place.generation, place.child, "synthesis")
        drawn, facts = _drawn(pool, dna, budgets, fed, best, draws)
        genome, broken = proven(self.species, drawn, parents[0].genome)
        facts.update(underflows[0])
        if broken:
            facts[FACT] = broken
        if len(parents) > 1:
            facts["mating"] = {"needed": needed, "clusters": offered.clusters, "synapses": offered.synapses}
        if applied := budgets.machine.correction:
            facts["correction"] = dict(applied)
            facts["predicted"] = predicted_amounts(genome.census(self.species.anatomy), budgets.machine)
        if config.patience:
            facts["attempt"] = attempt
        if favors:
            facts["favors"] = favors
        return genome, facts

    def _seen(self, parent: Individual, generation: int) -> tuple[Parent, dict[str, Any]]:
        """A parent as all its offspring of a generation see it, in both rounds; forgotten with the next generation.

        It is known by its record: a second round, or a parent of several, is read from its files again.
        """
        self._known = [known for known in self._known if known[0] == generation]
        for _, known, seen in self._known:
            if known == parent.record:
                return seen
        seen = self._looked_at(parent, generation)
        self._known.append((generation, parent.record, seen))
        return seen

    def _looked_at(self, parent: Individual, generation: int) -> tuple[Parent, dict[str, Any]]:
        """A parent as its strength sees it, in a world of the run's precision, and what that world did to it."""
        anatomy, plan = self.species.anatomy, self.species.plan(parent.genome)

        def network() -> nn.Module:
            return self.species.quantized(parent).to(self.device)

        def draws() -> torch.Generator:
            # siblings see the same images, and so do their parents
            return generator(self.config.seed, generation, 0, "sensitivity")

        @cache
        def squared() -> dict[str, Tensor]:
            living = [name for name in anatomy.weights() if name not in plan.stand_ins.gone]
            energy = squared_gradients(network(), self.task, living, draws())
            return {name: plan.restored(name, energy) for name in anatomy.weights()}

        @cache
        def products() -> dict[tuple[str, int], Tensor]:
            return cluster_products(network(), self.task, anatomy, plan, draws())

        whole = Parent(
            anatomy=anatomy,
            genome=parent.genome,
            weights={name: plan.restored(name, parent.weights) for name in anatomy.weights()},
            alive=alive_synapses(anatomy, parent.genome),
            squared_gradients=squared,
            scales=partial(normalization_scales, anatomy, plan, parent.weights),
            summed_products=products,
        )
        return restricted(whole, self.precision)


def _drawn(
    pool: Parent, dna: Dna, budgets: Budgets, fed: Ration, census: Census, draws: torch.Generator
) -> tuple[Genome, dict[str, Any]]:
    """The genome of an offspring, by shape or by strength.

    Where no shape is predicted to meet the budgets, clusters are drawn by strength if the run is measured, because the
    prediction may be wrong, or if the limit is but a step of a run that has latency as its objective.
    """
    given = (pool, dna, build_world(budgets.config), budgets, fed, census, draws)
    if budgets.config.allocation != "shape":
        return draw_to_budget(*given)
    try:
        return draw_shape_to_budget(*given)
    except UnreachableError:
        if not budgets.machine.is_measured and budgets.config.objective != "latency":
            raise
        genome, facts = draw_to_budget(*given)
        return genome, {**facts, "unreachable": True}
