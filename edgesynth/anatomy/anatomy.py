"""Anatomy: what can be removed from a network, and what is left when it is."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from edgesynth.anatomy.branches.branch import Branch
from edgesynth.anatomy.branches.depth import NO_BRANCHES, Depth
from edgesynth.anatomy.census import BYTES_PER_VALUE, Census, LayerCensus, smallest_bytes
from edgesynth.anatomy.channels import Fold, Rescale
from edgesynth.anatomy.groups import ClusterGroup, ProductUse, ShapeAttribute, layer_name
from edgesynth.anatomy.layers import LayerUse
from edgesynth.anatomy.removal.attributes import Mended, mended_attributes, mended_heads
from edgesynth.anatomy.removal.removal import RemovalPlan
from edgesynth.anatomy.tracing.named_tensors import named_tensors
from edgesynth.anatomy.tracing.plain_weights import plain_weights_advice
from edgesynth.anatomy.unit_sums import sum_over_clusters
from edgesynth.errors import UserError

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
    depth: Depth = NO_BRANCHES

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

    @property
    def branches(self) -> tuple[Branch, ...]:
        """Every branch, removable or not."""
        return self.depth.branches

    @property
    def removable_branches(self) -> tuple[Branch, ...]:
        """The branches that may be removed."""
        return tuple(branch for branch in self.branches if branch.removable)

    def group(self, name: str) -> ClusterGroup:
        """A group by name.

        Raises:
            UserError: there is none of that name.
        """
        for group in self.groups:
            if group.name == name:
                return group
        names = ", ".join(group.name for group in self.groups)
        branches = f", the branches {', '.join(branch.name for branch in self.branches)}" if self.branches else ""
        raise UserError(f"there is no cluster group {name!r}; the groups are {names}{branches}")

    def protected(self, name: str, reason: str) -> Anatomy:
        """The same anatomy with one more group or branch protected."""
        groups = tuple(replace(g, removable=False, reason=reason) if g.name == name else g for g in self.groups)
        return replace(self, groups=groups, depth=self.depth.protected(name, reason))

    def without_branches(self) -> Anatomy:
        """The same anatomy of a network whose branches all stay."""
        return replace(self, depth=NO_BRANCHES)

    def with_branches_as_groups(self) -> Anatomy:
        """The same anatomy in which each removable branch is also a group of one unit, the layers that end it.

        It is for measuring what a branch is worth as clusters are measured, and plans nothing.
        """
        own = tuple(branch.as_group(self.shapes) for branch in self.removable_branches)
        return replace(self, groups=(*self.groups, *own)) if own else self

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
            kept: {group name: units kept}, and {branch name: [0], or nothing of a dead one}; what is not named stays
                whole. A group may lose all its units where that is the same as the death of a branch.
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
        dead = self.depth.dead(kept)
        stand_ins = self.depth.stand_ins(dead, self.shapes, self.aliases)
        for name, units in self._units(kept, dead).items():
            group = self.group(name)
            alive = _alive(group, units)
            alive[np.flatnonzero(~alive)[: -int(alive.sum()) % round_to]] = True  # none of those that die as a whole
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
        modules = {name: attributes for name, attributes in modules.items() if not stand_ins.replaces(name)}
        gone: dict[str, dict[int, list[int]]] = {
            name: {dim: [] for dim in range(len(self.shapes[name]))} for name in stand_ins.gone
        }
        folds = tuple(
            fold for fold in self.folds if fold.dim in indices.get(fold.weight, {}) and fold.weight not in gone
        )
        rescales = tuple(
            each
            for each in self.rescales
            if each.read in indices.get(each.direction, {}) and each.direction not in gone
        )
        indices.update(gone)
        shapes = {name: self.shapes[name] for name in indices}
        return RemovalPlan(shapes, indices, modules, folds, rescales, stand_ins)

    def _units(self, kept: Kept, dead: AbstractSet[str]) -> dict[str, Sequence[int]]:
        """The units kept of groups: none of those whose channels a dead branch joined, and no word of what lies in one.

        Raises:
            UserError: a group is left without a unit although no branch dies with it.
        """
        units = {name: own for name, own in kept.items() if not self.depth.has(name)}
        for branch in self.branches:
            if branch.name in dead:
                units = {name: own for name, own in units.items() if name not in branch.inner}
                units.update({branch.joined: []} if branch.joined else {})
        joined = {branch.joined for branch in self.branches if branch.name in dead}
        for name, own in units.items():
            if len(own) == 0 and name not in joined:
                size = self.group(name).size
                raise UserError(f"{name} would be left without a cluster; keep at least one of its {size}")
        return units

    def groups_without_units(self, kept: Kept) -> frozenset[str]:
        """Names of the groups that lie in the branches that `kept` lets die, or that these joined to other channels."""
        dead = self.depth.dead(kept)
        return frozenset(
            name for branch in self.branches if branch.name in dead for name in (*branch.inner, branch.joined) if name
        )

    def gone(self, kept: Kept) -> frozenset[str]:
        """Names of the parameters and buffers that are gone with the branches that `kept` lets die."""
        return frozenset(self.depth.stand_ins(self.depth.dead(kept), self.shapes, self.aliases).gone)

    def silenced(self, kept: Kept) -> tuple[dict[str, Sequence[int]], tuple[str, ...]]:
        """What a masked network zeroes: {group: units kept}, and the parameters with which dead branches end."""
        dead = self.depth.dead(kept)
        ends = [name for branch in self.branches if branch.name in dead for name in branch.ends]
        return self._units(kept, dead), tuple(dict.fromkeys(ends))

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
            kept: {group name: units kept}, as `plan` takes it; None counts every cluster.
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
            sparse_bytes += smallest_bytes(shape[0], dense // shape[0], alive) if dense else 0
        params = sum(math.prod(sizes[name]) for name in self.parameters if name not in plan.stand_ins.gone)
        others = params - sum(math.prod(sizes[name]) for name in uses)
        products = round(self._macs_of_products(kept or {}) / self.batch)
        return Census(tuple(layers), params, sparse_bytes + BYTES_PER_VALUE * others, products)

    def _macs_of_products(self, kept: Kept) -> float:
        """Multiply-accumulates of products of activations that removal leaves, of all inputs of the example."""
        dead = self.depth.dead(kept)
        units = self._units(kept, dead)
        gone = {place for branch in self.branches if branch.name in dead for place in branch.products}
        left = [product for place, product in enumerate(self.products) if place not in gone]
        return sum(product.macs * self._alive_share(product, units) for product in left)

    def _alive_share(self, product: ProductUse, kept: Kept) -> float:
        """Share of a product of activations that removal leaves."""
        dead = sum(
            int((~_alive(self.group(name), kept[name])[units]).sum())
            for name, units in product.units.items()
            if name in kept
        )
        return 1 - dead / product.cells


def _merge(modules: dict[str, dict[str, Mended]], more: Mapping[str, Mapping[str, Mended]]) -> None:
    for name, attributes in more.items():
        modules.setdefault(name, {}).update(attributes)


def _alive(group: ClusterGroup, units: Sequence[int]) -> np.ndarray:
    """(size,) mask of the units kept."""
    if len(units) and (min(units) < 0 or max(units) >= group.size):
        raise UserError(
            f"{group.name} has clusters 0 to {group.size - 1}, and {min(units)} to {max(units)} were to be kept"
        )
    alive = np.zeros(group.size, dtype=bool)
    alive[list(units)] = True
    return alive
