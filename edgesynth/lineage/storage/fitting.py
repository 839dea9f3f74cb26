"""An individual held to the ancestor of its run: genome, census, weights and scales must be of one network.

A file may be whole, sealed and of another network: of a class that was changed since, or of another run. What an
individual's record counts is counted again from its genome.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from edgesynth.anatomy import Anatomy, Branch, RemovalPlan
from edgesynth.lineage.individual.genome import Genome
from edgesynth.lineage.individual.individual import Individual
from edgesynth.lineage.storage.reading import DamagedError
from edgesynth.quantization import has_scale, layer_of
from edgesynth.quantization.layers import INPUT_SCALE, WEIGHT_SCALE


def check_fits(individual: Individual, anatomy: Anatomy, folder: Path) -> None:
    """Refuse an individual that is none of this anatomy.

    Args:
        individual: as it was read.
        anatomy: of the run's ancestor.
        folder: the individual's, for the message.

    Raises:
        DamagedError: its genome is of another network, its census is not of its genome, or its tensors are of other
            names, shapes or types.
    """
    genome = individual.genome
    for wrong in _wrong_genome(genome, anatomy):
        raise DamagedError(folder / "genome.json", wrong)
    counted = genome.census(anatomy)
    if counted != individual.record.census:
        told, own = individual.record.census.to_json(), counted.to_json()
        name = next(name for name in own if told[name] != own[name])
        what = name if name == "layers" else f"{told[name]:,} {name}"
        other = "other layers" if name == "layers" else f"{own[name]:,}"
        raise DamagedError(folder / "individual.json", f"it counts {what}, and its genome has {other}")
    plan = anatomy.plan(genome.kept)
    for wrong in _wrong_weights(individual.weights, anatomy, plan):
        raise DamagedError(folder / "weights.safetensors", wrong)
    for wrong in _wrong_scales(individual, anatomy, plan):
        raise DamagedError(folder / "scales.safetensors", wrong)


def _wrong_genome(genome: Genome, anatomy: Anatomy) -> Iterator[str]:
    groups, dead = {group.name: group for group in anatomy.groups}, anatomy.groups_without_units(genome.kept)
    branches = {branch.name: branch for branch in anatomy.branches}
    for name, units in genome.kept.items():
        if name in branches:
            yield from _wrong_branch(branches[name], genome.kept)
        elif not units and name in groups and name not in dead:
            yield f"it keeps no cluster of {name}, which is in no branch that died"
        elif not units and name in groups:
            continue
        elif name not in groups:
            yield f"it names a cluster group {name!r}, which the ancestor has not"
        elif units[-1] >= groups[name].size:
            yield f"it keeps cluster {units[-1]} of {name}, which has {groups[name].size}"
        elif len(units) < groups[name].size and not groups[name].removable:
            yield f"it cuts {name}, which cannot be cut: {groups[name].reason}"
    weights = anatomy.weights()
    for name in (*genome.synapses, *genome.precision):
        if name not in weights:
            yield f"it speaks of {name!r}, which is no weight of a layer of the ancestor"
    for name, mask in genome.synapses.items():
        if tuple(mask.shape) != anatomy.shapes.get(name):
            yield f"synapses.{name} is of {tuple(mask.shape)}, and the ancestor's weight of {anatomy.shapes.get(name)}"


def _wrong_branch(branch: Branch, kept: Mapping[str, Sequence[int]]) -> Iterator[str]:
    units = list(kept[branch.name])
    if units not in ([], [0]):
        yield f"it keeps {units} of {branch.name}, and a branch lives ([0]) or not ([])"
    elif not units and not branch.removable:
        yield f"it removes {branch.name}, which cannot be removed: {branch.reason}"
    for group in (*branch.inner, branch.joined):
        if group in kept and bool(kept[group]) != bool(units):
            state = "lives" if units else "is gone"
            yield f"it keeps {len(kept[group])} clusters of {group}, and {branch.name}, in which they lie, {state}"


def _wrong_weights(weights: dict[str, Tensor], anatomy: Anatomy, plan: RemovalPlan) -> Iterator[str]:
    whole = anatomy.model.state_dict()
    for name in sorted({*whole, *weights}):
        if name in plan.stand_ins.gone:
            if name in weights:
                yield f"it holds {name}, which went with a branch"
        elif name not in weights:
            yield f"it lacks {name}"
        elif name not in whole:
            yield f"it holds {name}, which the ancestor has not"
        else:
            shape = plan.shape_after(name, tuple(whole[name].shape))
            if (tuple(weights[name].shape), weights[name].dtype) != (shape, whole[name].dtype):
                yield f"{name} is {_form(weights[name])}, and by the genome {shape} of {_type(whole[name].dtype)}"


def _wrong_scales(individual: Individual, anatomy: Anatomy, plan: RemovalPlan) -> Iterator[str]:
    known = {layer_of(weight): weight for weight in anatomy.weights()}
    for name, scale in individual.scales.items():
        layer, _, kind = name.rpartition(".")
        weight = known.get(layer)
        rows = plan.shape_after(weight, anatomy.shapes[weight])[:1] if weight else None
        shape = rows if kind == WEIGHT_SCALE else ()
        sound = scale.is_floating_point() and bool(torch.isfinite(scale).all() and (scale > 0).all())
        if kind not in (WEIGHT_SCALE, INPUT_SCALE) or (shape is not None and tuple(scale.shape) != shape):
            yield f"{name} is {_form(scale)}, which no layer of the ancestor has"
        elif not sound:
            yield f"{name} holds what is no scale: scales are finite and above 0"
    for weight, precision in individual.genome.precision.items():
        for kind in (WEIGHT_SCALE, INPUT_SCALE) if has_scale(precision) else ():
            if (name := f"{layer_of(weight)}.{kind}") not in individual.scales:
                yield f"it lacks {name}"


def _form(tensor: Tensor) -> str:
    return f"{tuple(tensor.shape)} of {_type(tensor.dtype)}"


def _type(kind: torch.dtype) -> str:
    return str(kind).removeprefix("torch.")
