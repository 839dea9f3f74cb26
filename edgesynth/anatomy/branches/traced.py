"""A traced graph in the form that the search for branches reads."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, fx

from edgesynth.anatomy.channels import Value
from edgesynth.anatomy.tracing.graph import aliases, op_name

UNCHANGING = ("contiguous", "alias", "detach", "clone", "positive")


@dataclass(frozen=True)
class Traced:
    """A traced graph.

    Attributes:
        nodes: operations and placeholders, in order.
        names: {placeholder: name of its parameter or buffer}.
        trained: placeholders of parameters.
        values: what is known of the results of each node.
        places: {node: its place in `nodes`}.
        moved: nodes that depend on the network's input.
    """

    nodes: tuple[fx.Node, ...]
    names: dict[fx.Node, str]
    trained: frozenset[fx.Node]
    values: Mapping[fx.Node, list[Value]]
    places: dict[fx.Node, int] = field(default_factory=dict)
    moved: frozenset[fx.Node] = frozenset()

    @classmethod
    def read(
        cls,
        program: torch.export.ExportedProgram,
        names: Mapping[str, str],
        buffers: set[str],
        values: Mapping[fx.Node, list[Value]],
    ) -> Traced:
        """Read a graph.

        Args:
            program: as torch exported it.
            names: {name of a placeholder: name of its parameter or buffer}.
            buffers: names of buffers.
            values: what the walk over the graph knows.
        """
        nodes = tuple(node for node in program.graph.nodes if node.op != "output")
        lifted = {node: names[node.name] for node in nodes if node.op == "placeholder" and node.name in names}
        trained = frozenset(node for node, name in lifted.items() if name not in buffers)
        moved: set[fx.Node] = set()
        for node in nodes:
            if node.name in program.graph_signature.user_inputs or any(
                given in moved for given in node.all_input_nodes
            ):
                moved.add(node)
        return cls(nodes, lifted, trained, values, {node: place for place, node in enumerate(nodes)}, frozenset(moved))

    def shape(self, node: fx.Node) -> tuple[int, ...]:
        """Shape of a node's result; empty where that is no tensor."""
        meta = node.meta.get("val")
        return tuple(int(size) for size in meta.shape) if isinstance(meta, Tensor) else ()

    def modules(self, node: fx.Node) -> tuple[str, ...]:
        """Names of the modules that call a node, the outermost first, the network itself left out."""
        stack = node.meta.get("nn_module_stack") or {}
        return tuple(dict.fromkeys(entry[0] for entry in stack.values() if entry[0]))

    def inside(self, end: fx.Node, readers: frozenset[fx.Node]) -> frozenset[fx.Node]:
        """`end` and all nodes that lead only to it; empty if any node but `readers` reads `end`."""
        if not end.users or not set(end.users) <= readers:
            return frozenset()
        inside, leading = {end}, {end}
        for node in reversed(self.nodes[: self.places[end]]):
            is_idle = node.op == "placeholder" and (node in self.moved or not node.users)
            if not is_idle and all(user in inside for user in node.users):
                inside.add(node)
                if any(user in leading for user in node.users):
                    leading.add(node)
        # What nothing reads, such as a value written into a mask, is inside if it belongs to nothing else.
        for node in self.nodes[: self.places[end]]:
            if node in inside - leading and any(given in self.moved - inside for given in node.all_input_nodes):
                inside.discard(node)
        return frozenset(inside)

    def clamps(self, node: fx.Node) -> bool:
        """Whether a node changes only values below zero."""
        return node.op == "call_function" and op_name(node) == "relu"

    def is_nonnegative(self, node: fx.Node) -> bool:
        """Whether no value of a node's result can be below zero."""
        return any(value.nonnegative for value in self.values.get(node, [])[:1])

    def writers(self, result: fx.Node, stream: fx.Node) -> list[fx.Node]:
        """The operations that write into a sum, or into the stream after it.

        Args:
            result: the sum.
            stream: what it is added to.
        """
        while aliases(stream, writes=False) and isinstance(stream.args[0], fx.Node):
            stream = stream.args[0]
        same = {result, stream}
        for node in self.nodes[self.places[stream] :]:
            source = node.args[0] if node.args else None
            is_same = aliases(node, writes=False) or aliases(node, writes=True) or self.clamps(node)
            if source in same and (is_same or self.passes(node) is not None):
                same.add(node)
        after = self.nodes[self.places[result] + 1 :]
        return [node for node in after if node in same and aliases(node, writes=True)]

    def passes(self, node: fx.Node) -> fx.Node | None:
        """The input that a node returns unchanged, in evaluation and in training; None if it changes its input."""
        if node.op != "call_function" or not node.all_input_nodes:
            return None
        source, name = node.all_input_nodes[0], op_name(node)
        same = self.shape(source) == self.shape(node) and math.prod(self.shape(node)) > 0
        if name in ("dropout", "feature_dropout"):
            return source if node.args[1] == 0 else None
        return source if same and name in (*UNCHANGING, "view", "reshape", "flatten") else None
