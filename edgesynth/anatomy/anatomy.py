"""Anatomy: what can be removed from a network, and what is left when it is."""

from __future__ import annotations

import logging
import math
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from edgesynth.anatomy.census import BYTES_PER_VALUE, Census, LayerCensus, smallest_bytes
from edgesynth.anatomy.channels import Fold, Rescale
from edgesynth.anatomy.groups import ClusterGroup, ProductUse, ShapeAttribute, build_groups, layer_name
from edgesynth.anatomy.layers import LayerUse
from edgesynth.anatomy.removal.attributes import Mended, mended_attributes, mended_heads
from edgesynth.anatomy.removal.removal import RemovalPlan
from edgesynth.anatomy.rules.call import COMPUTED
from edgesynth.anatomy.tracing.export import export
from edgesynth.anatomy.tracing.named_tensors import first_names, named_tensors
from edgesynth.anatomy.tracing.plain_weights import plain_weights_advice
from edgesynth.anatomy.tracing.training_graph import follow_training, training_program
from edgesynth.anatomy.tracing.walk import walk
from edgesynth.anatomy.unit_sums import sum_over_clusters
from edgesynth.errors import UserError

LOG = logging.getLogger(__name__)

Kept = Mapping[str, Sequence[int]]
Synapses = Mapping[str, Tensor]


@dataclass(frozen=True)
class Anatomy:
    """The cluster groups of a traced network.

    Attributes:
        groups: every group, removable or not.
        shapes: {name: shape} of every parameter and buffer, under each of its names.
        aliases: {further name of a shared tensor: its first name}.
        parameters: names of the parameters (the others are buffers).
        layers: calls of convolution, linear and recurrent layers, in order.
        products: what multiplies and is no layer (products of activations, fixed filters); counts are of `batch`
            inputs.
        batch: inputs in the example.
        folds: readers whose bias takes up the constant that a masked cluster leaves.
        rescales: lengths of normalized weights that shrink with what is cut of their columns.
        stated: shapes that modules state in an attribute.
        model: the network that was traced, for the kinds of its modules; never changed.
        program: gives the exported graph.
        uncounted: {op and module: multiply-accumulates for one input} of layers whose weight is computed, and not
            element by element: they are in no group and no census.
        differs_in_training: whether training calls other things than evaluation (see `tracing.execution`); None where
            it cannot be run with the example's inputs.
    """

    groups: tuple[ClusterGroup, ...]
    shapes: dict[str, tuple[int, ...]]
    aliases: dict[str, str]
    parameters: tuple[str, ...]
    layers: tuple[LayerUse, ...]
    products: tuple[ProductUse, ...]
    batch: int
    folds: tuple[Fold, ...]
    rescales: tuple[Rescale, ...]
    stated: tuple[ShapeAttribute, ...]
    model: nn.Module
    program: Callable[[], torch.export.ExportedProgram]
    uncounted: dict[str, int]
    differs_in_training: bool | None = False

    @property
    def note(self) -> str:
        """What its census leaves out, in one line; empty if nothing."""
        if not self.uncounted:
            return ""
        macs, counted = sum(self.uncounted.values()), self.census().macs
        uncounted = (
            f"layers whose weight is computed are neither counted nor cut ({', '.join(self.uncounted)}): {macs:,} MACs "
            f"beside the {counted:,} that are"
        )
        return "; ".join(filter(None, [uncounted, plain_weights_advice(self.model)]))

    @property
    def removable(self) -> tuple[ClusterGroup, ...]:
        """The groups whose units may be removed."""
        return tuple(group for group in self.groups if group.removable)

    def group(self, name: str) -> ClusterGroup:
        """A group by name.

        Raises:
            UserError: there is none of that name.
        """
        for group in self.groups:
            if group.name == name:
                return group
        raise UserError(
            f"there is no cluster group {name!r}; the groups are {', '.join(group.name for group in self.groups)}"
        )

    def protected(self, name: str, reason: str) -> Anatomy:
        """The same anatomy with one more group protected."""
        groups = tuple(replace(g, removable=False, reason=reason) if g.name == name else g for g in self.groups)
        return replace(self, groups=groups)

    def weights(self) -> tuple[str, ...]:
        """Names of the weights of layers, each once, in the order of their first call; recurrent ones have several."""
        return tuple(dict.fromkeys(layer.weight for layer in self.layers))

    def _layer_names(self) -> dict[str, str]:
        """{weight: the name of its layer}; of layers that have several, the name of the weight itself."""
        names = {weight: layer_name(weight) for weight in self.weights()}
        counts = Counter(names.values())
        return {weight: name if counts[name] == 1 else weight for weight, name in names.items()}

    def magnitudes(self) -> dict[str, Tensor]:
        """{removable group: (size,) float64, sum of the absolute weights of each unit's clusters in all its layers}.

        They are those of the traced network as it is now.
        """
        weights = {name: tensor.detach().abs().cpu() for name, tensor in named_tensors(self.model).items()}
        return {group.name: sum_over_clusters(group, weights) for group in self.removable}

    def removable_channels(self) -> dict[str, tuple[float, int]]:
        """{weight: (output channels in groups that can be cut, output channels)} of every layer that has a weight.

        A group of a single unit cannot be cut: something must be left of it.
        """
        rows: dict[str, float] = {}
        for group in self.removable:
            for member in group.writers() if group.size > 1 else ():
                share = float((member.units >= 0).mean())
                rows[member.parameter] = rows.get(member.parameter, 0.0) + share
        layers = zip(self.weights(), self.census().layers, strict=True)
        return {weight: (rows.get(weight, 0.0) * layer.clusters, layer.clusters) for weight, layer in layers}

    def plan(self, kept: Kept, round_to: int = 1) -> RemovalPlan:
        """Plan a removal.

        Args:
            kept: {group name: units kept}; a group that is not named stays whole.
            round_to: keep as many more units of each group, the first of the dead, as make their number a multiple of
                this (or all): hardware likes widths of 8.

        Raises:
            UserError: a group is unknown, protected, would be left empty, or an index is out of its range.
        """
        if round_to < 1:
            raise UserError(f"round_to is {round_to}; it must be at least 1 (8 suits most hardware)")
        keep: dict[tuple[str, int], np.ndarray] = {}
        modules: dict[str, dict[str, Mended]] = {}
        cut: dict[str, np.ndarray] = {}
        for name, units in kept.items():
            group = self.group(name)
            alive = _alive(group, units)
            alive[np.flatnonzero(~alive)[: -int(alive.sum()) % round_to]] = True
            if alive.all():
                continue
            cut[name] = alive
            if not group.removable:
                raise UserError(f"{name} cannot be cut: {group.reason}; leave it whole")
            for member in group.members:
                mask = keep.setdefault((member.parameter, member.dim), np.ones(len(member.units), dtype=bool))
                mask &= (member.units < 0) | alive[member.units]
            _merge(modules, mended_heads(self.model, group, int(alive.sum())))
        indices: dict[str, dict[int, list[int]]] = {}
        for (parameter, dim), mask in keep.items():
            indices.setdefault(parameter, {})[dim] = np.flatnonzero(mask).tolist()
        indices.update({alias: indices[first] for alias, first in self.aliases.items() if first in indices})
        _merge(modules, self._mended(indices))
        _merge(modules, self._mended_shapes(cut))
        folds = tuple(fold for fold in self.folds if fold.dim in indices.get(fold.weight, {}))
        rescales = tuple(each for each in self.rescales if each.read in indices.get(each.direction, {}))
        return RemovalPlan({name: self.shapes[name] for name in indices}, indices, modules, folds, rescales)

    def _mended(self, indices: dict[str, dict[int, list[int]]]) -> dict[str, dict[str, Mended]]:
        mended: dict[str, dict[str, Mended]] = {}
        weights = set(self.weights())
        for name, cut in indices.items():
            owner, own = layer_name(name), name.rpartition(".")[2]
            module = self.model.get_submodule(owner)
            if name in weights and not isinstance(module, (nn.RNNBase, nn.RNNCellBase)):
                own = "weight"  # or what it is computed from
            size = tuple(len(cut.get(dim, range(size))) for dim, size in enumerate(self.shapes[name]))
            attributes = mended_attributes(module, own, self.shapes[name], size)
            if attributes:
                mended.setdefault(owner, {}).update(attributes)
        return mended

    def _mended_shapes(self, cut: dict[str, np.ndarray]) -> dict[str, dict[str, Mended]]:
        """Shapes that modules state for a view, as short as what is left of the units along them."""
        mended: dict[str, dict[str, Mended]] = {}
        for stated in self.stated:
            dead = [
                sum(int((~cut[name][units]).sum()) for name, units in each.items() if name in cut)
                for each in stated.units
            ]
            if any(dead):
                sizes = tuple(size - gone for size, gone in zip(stated.sizes, dead, strict=True))
                mended.setdefault(stated.module, {})[stated.attribute] = sizes
        return mended

    def census(self, kept: Kept | None = None, synapses: Synapses | None = None) -> Census:
        """Count what removal leaves.

        Args:
            kept: {group name: units kept}; None counts every cluster.
            synapses: {weight name: bool mask of the weight's full shape}; weights not named keep all their synapses.
        """
        plan = self.plan(kept or {})
        sizes = {name: plan.shape_after(name, shape) for name, shape in self.shapes.items()}
        uses: dict[str, list[LayerUse]] = {}
        for layer in self.layers:
            uses.setdefault(layer.weight, []).append(layer)
        layers, sparse_bytes, names = [], 0, self._layer_names()
        for name, calls in uses.items():
            shape, dense = sizes[name], math.prod(sizes[name])
            mask = (synapses or {}).get(name)
            alive = dense if mask is None else int(plan.cut(name, mask).sum())
            count = sum(call.positions for call in calls)
            blocks = calls[0].groups * shape[0] // self.shapes[name][0] if calls[0].groups > 1 else 1
            clusters = shape[calls[0].written] * blocks
            layers.append(LayerCensus(names[name], shape, alive, clusters, count * dense, count * alive))
            sparse_bytes += smallest_bytes(shape[0], dense // shape[0], alive)
        params = sum(math.prod(sizes[name]) for name in self.parameters)
        others = params - sum(math.prod(sizes[name]) for name in uses)
        products = round(
            sum(product.macs * self._alive_share(product, kept or {}) for product in self.products) / self.batch
        )
        return Census(tuple(layers), params, sparse_bytes + BYTES_PER_VALUE * others, products)

    def _alive_share(self, product: ProductUse, kept: Kept) -> float:
        """Share of a product of activations that removal leaves."""
        dead = sum(
            int((~_alive(self.group(name), kept[name])[units]).sum())
            for name, units in product.units.items()
            if name in kept
        )
        return 1 - dead / product.cells


def trace(model: nn.Module, example_inputs: Tensor | Sequence[Tensor]) -> Anatomy:
    """Trace a network in evaluation and, where it does other things there, in training; the model is not changed.

    Args:
        model: any network that torch.export can trace.
        example_inputs: one tensor per argument of its forward, such as one (1, C, H, W) batch; a network with one
            argument may be given that tensor alone.

    Raises:
        UserError: the network cannot be traced with these inputs.
    """
    inputs = _as_inputs(example_inputs)
    started_s = time.monotonic()
    program = export(model, inputs)
    walked = walk(program, model)
    differs, training = training_program(model, inputs)
    training_only = follow_training(training, model, walked) if training else set()
    tensors = named_tensors(model)
    first = first_names(model)
    groups, products, stated = build_groups(walked.channels)
    advice = plain_weights_advice(model)
    seconds = time.monotonic() - started_s
    LOG.info(
        "traced %s: %d cluster groups, %d layers, %.1f s",
        type(model).__name__,
        len(groups),
        len(walked.layers),
        seconds,
    )
    return Anatomy(
        groups=tuple(_uncuttable(_advised(group, advice), model, walked.fixed, training_only) for group in groups),
        shapes={name: tuple(tensor.shape) for name, tensor in tensors.items()},
        aliases={name: first[id(tensor)] for name, tensor in tensors.items() if first[id(tensor)] != name},
        parameters=tuple(name for name, _ in model.named_parameters()),
        layers=tuple(walked.layers),
        products=products,
        batch=walked.batch,
        folds=tuple(fold for fold in walked.channels.folds.values() if fold.constant),
        rescales=tuple(walked.channels.rescales.values()),
        stated=tuple(each for each in stated if hasattr(model.get_submodule(each.module), each.attribute)),
        model=model,
        program=lambda: program,
        uncounted=walked.uncounted,
        differs_in_training=differs,
    )


def _advised(group: ClusterGroup, advice: str) -> ClusterGroup:
    """The group, with how its weights become plain ones if it is protected because they are computed."""
    return replace(group, reason=f"{group.reason}; {advice}") if advice and COMPUTED in group.reason else group


def _uncuttable(
    group: ClusterGroup, model: nn.Module, fixed: AbstractSet[str], training_only: AbstractSet[str]
) -> ClusterGroup:
    """The group, protected if it is the heads of torch's own attention, or if fixed filters alone write it.

    Or if it is of layers that only training runs, which are no part of what is deployed.
    """
    if group.removable and all(member.parameter in training_only for member in group.members):
        return replace(group, removable=False, reason="only training runs these layers: they are not deployed")
    filters = [member.parameter for member in group.members if member.parameter in fixed and member.role == "emit"]
    if group.removable and filters and not group.writers():
        reason = f"its filters are fixed ({filters[0]} is a buffer), and nothing says what each is worth"
        return replace(group, removable=False, reason=reason)
    owners = {member.parameter.rpartition(".")[0] for member in group.writers()} if group.removable else set()
    heads = [owner for owner in owners if isinstance(model.get_submodule(owner), nn.MultiheadAttention)]
    if not heads:
        return group
    reason = f"nn.MultiheadAttention has no form with fewer heads for its embedding (attention in {heads[0]})"
    return replace(group, removable=False, reason=reason)


def _as_inputs(example: Tensor | Sequence[Tensor]) -> tuple[Tensor, ...]:
    inputs = (example,) if isinstance(example, Tensor) else example
    if isinstance(inputs, (tuple, list)) and all(isinstance(given, Tensor) for given in inputs):
        return tuple(inputs)
    kinds = [type(given).__name__ for given in inputs] if isinstance(inputs, (tuple, list)) else type(example).__name__
    raise UserError(f"the example inputs are {kinds}; give one tensor for each argument of the network's forward")


def _merge(modules: dict[str, dict[str, Mended]], more: Mapping[str, Mapping[str, Mended]]) -> None:
    for name, attributes in more.items():
        modules.setdefault(name, {}).update(attributes)


def _alive(group: ClusterGroup, units: Sequence[int]) -> np.ndarray:
    """(size,) mask of the units kept."""
    if len(units) == 0:
        raise UserError(f"{group.name} would be left without a cluster; keep at least one of its {group.size}")
    if min(units) < 0 or max(units) >= group.size:
        raise UserError(
            f"{group.name} has clusters 0 to {group.size - 1}, and {min(units)} to {max(units)} were to be kept"
        )
    alive = np.zeros(group.size, dtype=bool)
    alive[list(units)] = True
    return alive
