"""Find the branches of a traced network.

An operand of an addition is a branch if nothing but this addition reads it, it has layers of its own, and the other
operand is a stream that goes on without it. An operand of concatenations is a branch if its channels are a cluster
group.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import fx

from edgesynth.anatomy.branches.branch import Branch
from edgesynth.anatomy.branches.silence import silencing
from edgesynth.anatomy.branches.traced import Traced
from edgesynth.anatomy.groups import ClusterGroup, layer_name
from edgesynth.anatomy.tracing.graph import dtype_of, op_name

SUFFIX = "/branch"
ADDING, SUBTRACTING, JOINING = "add", "sub", ("cat", "concat", "concatenate")
PROJECTING = "it stands beside a projection of the same input, and a stage keeps its first block"
NOT_SILENT = "what it gives is not zero where its own parameters are"
SHARED = "other parts of the network use its parameters too"
LAST = "something must be left of what it is joined to"
Inside = frozenset[fx.Node]


def find_branches(traced: Traced, groups: Sequence[ClusterGroup], layers: frozenset[str]) -> tuple[Branch, ...]:
    """Every branch, removable or not, in the order of the graph.

    Args:
        traced: the network's graph.
        groups: its cluster groups.
        layers: names of the weights of its layers.
    """
    branches: list[tuple[fx.Node, Branch]] = []
    for node in traced.nodes:
        if node.op == "call_function" and op_name(node) in (ADDING, SUBTRACTING):
            branches += _added(traced, node, groups, layers)
    branches += _joined(traced, groups, layers)
    ordered = sorted(branches, key=lambda each: traced.places[each[0]])
    return _named([branch for _, branch in ordered])


def _added(
    traced: Traced, node: fx.Node, groups: Sequence[ClusterGroup], layers: frozenset[str]
) -> list[tuple[fx.Node, Branch]]:
    """The branch that an addition adds; empty where it adds none."""
    operands = [given for given in node.args[:2] if isinstance(given, fx.Node)]
    if len(operands) < 2 or operands[0] is operands[1] or not all(given in traced.moved for given in operands):
        return []
    if not _is_floating(node) or len({_kind(traced, given) for given in [*operands, node]}) > 1:
        return []
    # The second operand of a subtraction changes its sign, and that of an addition may be scaled: it is no stream.
    changed = op_name(node) == SUBTRACTING or node.kwargs.get("alpha", 1) != 1
    insides = {given: traced.inside(given, frozenset([node])) for given in operands[1 if changed else 0 :]}
    own = [given for given, inside in insides.items() if _layers_in(traced, inside, layers)]
    if not own:
        return []
    # What is not silent is a stream itself, such as x + f(x) in (x + f(x)) + g(x).
    own = [given for given in own if silencing(given, insides[given], traced.trained)] or own
    end = min(own, key=lambda given: _parameters(traced, insides[given]))
    reason = ""
    if len(own) == 2 and _sources(traced, insides[own[0]]) == _sources(traced, insides[own[1]]):
        end = max(own, key=lambda given: _parameters(traced, insides[given]))
        reason = PROJECTING
    (stream,) = (given for given in operands if given is not end)
    branch = _branch(traced, end, insides[end], groups, layers, reason)
    written = tuple(traced.places[each] for each in traced.writers(node, stream))
    return [(end, replace(branch, sums=(traced.places[node],), stream=traced.places[stream], written=written))]


def _joined(traced: Traced, groups: Sequence[ClusterGroup], layers: frozenset[str]) -> list[tuple[fx.Node, Branch]]:
    """The branches whose channels are joined to others."""
    joins = [node for node in traced.nodes if node.op == "call_function" and op_name(node) in JOINING]
    ends = dict.fromkeys(given for node in joins for given in node.all_input_nodes if given in traced.moved)
    branches: dict[fx.Node, Branch] = {}
    for end in ends:
        inside = traced.inside(end, frozenset(joins))
        if not _layers_in(traced, inside, layers):
            continue
        branch = _branch(traced, end, inside, groups, layers)
        group = _group_of(traced, end, branch, groups)
        if group is not None and not branch.reason:
            branches[end] = replace(
                branch,
                joined=group.name,
                inner=tuple(name for name in branch.inner if name != group.name),
                sums=tuple(traced.places[user] for user in end.users),
                written=tuple(traced.places[each] for join in end.users for each in traced.writers(join, join)),
            )
    for node in joins:
        removable = [given for given in node.all_input_nodes if given in branches and branches[given].removable]
        if removable and len(removable) == len(node.all_input_nodes):
            branches[removable[0]] = replace(branches[removable[0]], removable=False, reason=LAST)
    return list(branches.items())


def _branch(
    traced: Traced,
    end: fx.Node,
    inside: Inside,
    groups: Sequence[ClusterGroup],
    layers: frozenset[str],
    reason: str = "",
) -> Branch:
    names = tuple(traced.names[node] for node in traced.nodes if node in inside and node in traced.names)
    ends = silencing(end, inside, traced.trained)
    if ends is None:
        reason = reason or NOT_SILENT
    if {*names} & {name for node, name in traced.names.items() if node.users and node not in inside}:
        reason = reason or SHARED
    silenced = tuple(traced.names[node] for node in traced.nodes if node in (ends or ()))
    inner = [group for group in groups if all(member.parameter in names for member in group.members)]
    return Branch(
        name=_module_of(traced, inside, end),
        parameters=names,
        ends=silenced,
        weights=tuple(name for name in silenced if name in layers),
        inner=tuple(group.name for group in inner),
        cutting=tuple(group.name for group in inner if _cuts(traced, group, inside, end)),
        removable=not reason,
        reason=reason,
        steps=frozenset(traced.places[node] for node in inside),
    )


def _module_of(traced: Traced, inside: Inside, end: fx.Node) -> str:
    """The module that all operations of a branch share, or the one that adds it."""
    steps = [node for node in inside if node.op == "call_function"]
    shared = [name for name in traced.modules(end) if all(name in traced.modules(node) for node in steps)]
    return shared[-1] if shared else ""


def _named(branches: Sequence[Branch]) -> tuple[Branch, ...]:
    """The branches with names that tell them apart.

    A branch has the name of its module. Several branches of one module, and those of the network itself, have the names
    of the layers that end them.
    """
    crowded = {name for name, count in Counter(branch.name for branch in branches).items() if count > 1 or not name}
    taken: Counter[str] = Counter()
    named = []
    for branch in branches:
        ended = layer_name(branch.weights[0]) if branch.weights else branch.name
        name = f"{ended if branch.name in crowded else branch.name}{SUFFIX}".removeprefix("/")
        taken[name] += 1
        named.append(replace(branch, name=name if taken[name] == 1 else f"{name}#{taken[name]}"))
    return tuple(named)


def _group_of(traced: Traced, end: fx.Node, branch: Branch, groups: Sequence[ClusterGroup]) -> ClusterGroup | None:
    """The removable cluster group of a branch's output channels, if nothing else writes it."""
    axes = {_joined_axis(traced, join) for join in end.users}
    value = traced.values[end][0]
    if len(axes) > 1 or value.along(*axes) is None:
        return None
    width = value.shape[axes.pop()]
    for group in groups:
        writers = {member.parameter for member in group.writers()}
        if group.removable and writers and writers <= set(branch.ends) and group.size == width:
            return group
    return None


def _joined_axis(traced: Traced, join: fx.Node) -> int:
    """The dimension along which tensors are joined."""
    axis = join.args[1] if len(join.args) > 1 else join.kwargs.get("dim", 0)
    assert isinstance(axis, int)
    return axis % len(traced.shape(join))


def _cuts(traced: Traced, group: ClusterGroup, inside: Inside, end: fx.Node) -> bool:
    """Whether every path from outside a branch to its end passes through a group's layers."""
    if any((member.units < 0).any() for member in group.writers()):
        return False
    writers = {member.parameter for member in group.writers()}
    blocked = {
        node
        for node in inside
        if any(given in traced.names and traced.names[given] in writers for given in node.all_input_nodes)
    }
    reached: set[fx.Node] = set()
    for node in traced.nodes:
        if node not in inside or node in blocked or node in traced.names:
            continue
        if any(given in reached or (given not in inside and given in traced.moved) for given in node.all_input_nodes):
            reached.add(node)
    return bool(blocked) and end not in reached


def _kind(traced: Traced, node: fx.Node) -> tuple[tuple[int, ...], torch.dtype]:
    return traced.shape(node), dtype_of(node)


def _is_floating(node: fx.Node) -> bool:
    return dtype_of(node).is_floating_point


def _layers_in(traced: Traced, inside: Inside, layers: frozenset[str]) -> int:
    return sum(traced.names[node] in layers for node in inside if node in traced.names)


def _parameters(traced: Traced, inside: Inside) -> int:
    sizes: Mapping[fx.Node, tuple[int, ...]] = {node: traced.shape(node) for node in inside if node in traced.trained}
    return sum(torch.Size(size).numel() for size in sizes.values())


def _sources(traced: Traced, inside: Inside) -> set[fx.Node]:
    """The activations that a branch reads."""
    return {given for node in inside for given in node.all_input_nodes if given not in inside and given in traced.moved}
