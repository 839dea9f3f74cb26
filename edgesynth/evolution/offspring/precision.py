"""Synaptic precision as a restriction of the environment (Synaptic precision restrictions, arXiv 1707.00095).

The world feeds synapses of so many bits: what a parent passes on is its weights at that precision, and a synapse that
such a weight cannot tell from zero is dead. The paper's own equation is not known to us; this is
P = 1[Q(w) != 0] exp(|Q(w)| / Z - 1), with any strength in the place of |Q(w)| / Z - 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from edgesynth.anatomy import Anatomy, Census, in_layout, sum_over_clusters
from edgesynth.errors import UserError
from edgesynth.evolution.offspring.proving import proven
from edgesynth.evolution.synthesis.dead_units import remove_dead_units
from edgesynth.evolution.synthesis.masks import kept_units, living
from edgesynth.evolution.synthesis.strength import Parent
from edgesynth.evolution.synthesis.strength.parent import alive_synapses
from edgesynth.lineage import Config, Genome, Species, state, weight_bits
from edgesynth.quantization import (
    FP32,
    INPUT_SCALE,
    WEIGHT_SCALE,
    along_rows,
    has_scale,
    largest_level,
    layer_of,
    learnable_scale,
    owners,
    parse_layers,
    quantize,
    refusals,
    to_half,
)


def wanted_precision(config: Config, species: Species) -> dict[str, str]:
    """{weight: precision} that the configuration asks for; what is not named is fp32.

    `--precision` passes over layers that cannot be had at it, as TensorRT does; `--layer-precision` may not name one.

    Raises:
        UserError: there is no such layer, or it cannot be had at the precision given for it.
    """
    given = parse_layers(config.layer_precision) if config.layer_precision is not None else {}
    layers = {layer_of(weight): weight for weight in species.anatomy.weights()}
    for layer in given:
        if layer not in layers:
            raise UserError(f"--layer-precision names {layer!r}, and the layers are {', '.join(layers)}")
    wanted = {weight: given.get(layer, config.precision) for layer, weight in layers.items()}
    if set(wanted.values()) == {FP32}:
        return {}
    example = torch.zeros((2, *species.input_shape))
    reasons = refusals(species.model, wanted, example, set(wanted.values()))
    for layer, precision in given.items():
        if reason := reasons.get((layers[layer], precision)):
            raise UserError(f"--layer-precision asks for {layer} at {precision}, which cannot be: {reason}; use fp32")
    return {name: kind for name, kind in wanted.items() if kind != FP32 and (name, kind) not in reasons}


def restricted(parent: Parent, precision: dict[str, str]) -> tuple[Parent, dict[str, Any]]:
    """A parent as a world of this precision sees it: its weights rounded, its synapses that round to zero dead.

    A weight that has the precision already lies on its own grid and stays as it is; another is rounded with the scales
    from which its offspring's will start.

    Returns:
        The parent and what happened; the parent itself and nothing where no precision is asked for.
    """
    if not precision:
        return parent, {}
    weights, alive = dict(parent.weights), dict(parent.alive)
    for name, kind in precision.items():
        if parent.genome.precision.get(name, FP32) != kind:
            weights[name] = _rounded(weights[name], kind)
        alive[name] = alive[name] & (weights[name] != 0)
    before, after = (sum(int(mask.sum()) for mask in masks.values()) for masks in (parent.alive, alive))
    return replace(parent, weights=weights, alive=alive), {"underflowed_synapses": before - after}


def cut_scales(species: Species, scales: dict[str, Tensor], before: Genome, after: Genome) -> dict[str, Tensor]:
    """Scales of one genome for a descendant's: of the clusters that are left, in layers whose precision is the same.

    Args:
        species: the run's.
        scales: the individual's, as `Individual.scales`.
        before: its genome.
        after: the genome of a descendant, or of itself with fewer clusters.
    """
    old, new = species.plan(before), species.plan(after)
    cut = {}
    for weight, kind in after.precision.items():
        if not has_scale(kind) or before.precision.get(weight) != kind:
            continue
        rows = range(species.anatomy.shapes[weight][0])
        place = {row: index for index, row in enumerate(old.kept.get(weight, {}).get(0, rows))}
        kept = list(new.kept.get(weight, {}).get(0, rows))
        if not place.keys() >= set(kept):
            continue  # a cluster came from another parent: the layer's scales start anew
        left = [place[row] for row in kept]
        name = f"{layer_of(weight)}.{WEIGHT_SCALE}"
        cut[name] = scales[name][left]
        cut.update((name := f"{layer}.{INPUT_SCALE}", scales[name]) for layer in owners(species.model, weight))
    return cut


@dataclass(frozen=True)
class Finished:
    """An individual after its training, with what it lost to its precision.

    Attributes:
        network: small; its weights are rounded.
        genome: without the synapses that rounding killed.
        scales: see `Individual.scales`.
        validation: the task's metric of the network as a device would run it (percent).
        underflowed: number of those synapses.
        swept: clusters that went with them.
    """

    network: nn.Module
    genome: Genome
    scales: dict[str, Tensor]
    validation: float
    underflowed: int = 0
    swept: int = 0

    def facts(self, census: Census) -> dict[str, int]:
        """What a record says of it; nothing where all is fp32."""
        if not self.genome.precision:
            return {}
        return {
            "underflowed_synapses": self.underflowed,
            "swept_clusters": self.swept,
            "weight_bits": weight_bits(census, self.genome.precision),
        }


def finish(
    species: Species,
    genome: Genome,
    network: nn.Module,
    scales: dict[str, Tensor],
    score: Callable[[nn.Module], float],
) -> Finished:
    """Bury the synapses that rounding killed, and the clusters that died with them.

    A cluster that nothing feeds may still say its bias. Where the network is worse without, it stays until the next
    synthesis, whose offspring learns to do without it.

    Args:
        species: the run's.
        genome: the individual's, its precision included.
        network: trained, its weights rounded.
        scales: see `Individual.scales`.
        score: the task's metric on the validation split (percent).
    """
    if not genome.precision:
        return Finished(network, genome, scales, score(network))
    plan, before = species.plan(genome), alive_synapses(species.anatomy, genome)
    left = {name: tensor.detach().cpu().abs() for name, tensor in network.named_parameters(remove_duplicate=False)}
    weights = {name: plan.restored(name, left) for name in before}
    alive = {name: mask & (weights[name] != 0) if name in genome.precision else mask for name, mask in before.items()}
    underflowed = sum(int((before[name] & ~alive[name]).sum()) for name in before)
    buried = replace(genome, synapses={**genome.synapses, **{name: alive[name] for name in genome.precision}})
    unswept = Finished(network, buried, scales, score(species.on_device(network, buried, scales)), underflowed, 0)
    smaller, swept = _swept(species.anatomy, buried, alive, weights)
    if not swept or proven(species, smaller, buried)[1]:
        return unswept
    cut = cut_scales(species, scales, buried, smaller)
    less = in_layout(species.shrunk(state(network), buried, smaller)).eval()
    validation = score(species.on_device(less, smaller, cut))
    return unswept if validation < unswept.validation else Finished(less, smaller, cut, validation, underflowed, swept)


def _swept(
    anatomy: Anatomy, genome: Genome, alive: dict[str, Tensor], weights: dict[str, Tensor]
) -> tuple[Genome, int]:
    """The genome without the clusters that died with their synapses, and how many those were."""
    clusters, synapses = living(anatomy, genome), {name: mask.clone() for name, mask in alive.items()}
    viability = {group.name: sum_over_clusters(group, weights) for group in anatomy.removable}
    swept = remove_dead_units(anatomy, clusters, synapses, viability)
    return replace(genome, kept=kept_units(clusters, anatomy, genome), synapses=synapses), swept


def _rounded(weight: Tensor, kind: str) -> Tensor:
    if not has_scale(kind):
        return to_half(weight)
    rows, most = weight.flatten(1), largest_level(kind)
    scale = learnable_scale(rows, most, rows.count_nonzero(dim=1))
    return quantize(weight, along_rows(scale, weight), most)
