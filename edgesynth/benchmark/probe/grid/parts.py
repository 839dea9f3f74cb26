"""The parts of a network that a grid measures: its layers, and groups of operators beside them.

An operator and the only reader of its output are in one group, because an engine fuses them or keeps one layout for
them. The time of a group may depend on the groups whose results it reads: after a slice, ONNX Runtime leaves its own
layout, and every addition along a chain of residual blocks then runs as a kernel of its own.
"""

from typing import Any, Dict, List, NamedTuple, Optional, Set, Tuple

from edgesynth.benchmark.probe.model_layers import ModelLayer, layers_of
from edgesynth.benchmark.probe.onnx_graph import Graph, Node
from edgesynth.boards.probed.grid import AFTER, Beside, Place, place_of

# At most so many groups above another are built with it. A tensor from beyond them counts as a layer's.
_MOST_ABOVE = 8


class Input(NamedTuple):
    """A tensor that a group reads.

    Attributes:
        tensor: its name.
        size: its shape, 1 for a free batch.
        alone: whether a layer writes it and only this group reads it, so that an engine may fuse the two.
        source: an output of one of `Group.above` that takes its place; "" where a layer writes it.
    """

    tensor: str
    size: Tuple[int, ...]
    alone: bool
    source: str = ""


class Group(NamedTuple):
    """A group of operators beside the layers.

    Attributes:
        nodes: its operators, in the order of the network.
        inputs: tensors that it reads and other parts of the network write.
        outputs: names and shapes of the tensors that other parts read or the network puts out.
        above: groups whose results it reads, and the groups above those, in the order of the network. Of a chain of
            equal groups only the first is here.
    """

    nodes: Tuple[Node, ...]
    inputs: Tuple[Input, ...]
    outputs: Tuple[Tuple[str, Tuple[int, ...]], ...]
    above: Tuple[Any, ...] = ()

    @property
    def beside(self) -> Beside:
        """Its key in a grid: its operators, other operators above it, and its number of elements."""
        sizes = [group_input.size for group_input in self.inputs] + [size for _, size in self.outputs]
        ops = [node.op for node in self.nodes]
        others = sorted({node.op for group in self.above for node in group.nodes} - set(ops))
        name = "+".join(ops) + (AFTER + "+".join(others) if others else "")
        return Beside(name, max(sum(map(_product, sizes)), 1))

    def equals(self, other: "Group") -> bool:
        """Whether two groups have the same operators, and tensors of the same shapes."""

        def kind(group: "Group") -> Any:
            sizes = sorted(group_input.size for group_input in group.inputs)
            return [node.op for node in group.nodes], sizes, [size for _, size in group.outputs]

        return bool(kind(self) == kind(other))


class FixedWidths(NamedTuple):
    """Which widths of a layer no removal changes: the channels of the image and of the network's output."""

    inputs: bool
    outputs: bool


class Parts(NamedTuple):
    """The parts of a network.

    Attributes:
        layers: in the order of the network.
        fixed: for each layer, which of its widths are fixed.
        groups: operators beside the layers.
        left_out: parts that cannot be measured, each with its reason.
        constants: {tensor: the node that writes it}, of nodes that do not depend on the network's input.
    """

    layers: List[ModelLayer]
    fixed: List[FixedWidths]
    groups: List[Group]
    left_out: List[str]
    constants: Dict[str, Node]

    @property
    def places(self) -> List[Place]:
        """The layers as places of a grid."""
        return [place_of(layer.shape, layer.width) for layer in self.layers]

    @property
    def beside(self) -> List[Beside]:
        """The groups as keys of a grid."""
        return [group.beside for group in self.groups]


def parts_of(graph: Graph) -> Parts:
    """Divide a network into its layers and groups of operators.

    Raises:
        UserError: the file holds no layer, or does not tell the shape of a layer's input.
    """
    model = layers_of(graph)
    layer_of = {layer.output: layer for layer in model.layers}
    constants: Dict[str, Node] = {}
    moving: List[Node] = []
    for node in graph.nodes:
        if all(not tensor or tensor in graph.weights or tensor in constants for tensor in node.inputs):
            constants.update(dict.fromkeys(node.outputs, node))
        else:
            moving.append(node)
    readers: Dict[str, List[Node]] = {}
    for node in moving:
        for tensor in set(node.inputs):
            readers.setdefault(tensor, []).append(node)
    others = [node for node in moving if node.outputs[0] not in layer_of]
    left_out = list(model.left_out)
    groups = []
    for nodes in _joined(others, readers, set(graph.outputs)):
        group = _group(nodes, graph, constants, readers, layer_of)
        if group is None:
            left_out.append("{}: the file does not tell the shapes around it".format(nodes[0].name))
        else:
            groups.append(group)
    return Parts(model.layers, _fixed(moving, model.layers), _with_above(groups), left_out, constants)


def _joined(nodes: List[Node], readers: Dict[str, List[Node]], given: Set[str]) -> List[List[Node]]:
    """Groups of nodes: a node joins the group that writes its input if nothing else reads that input."""
    group_of: Dict[str, List[Node]] = {}
    for node in nodes:
        group = [node]
        for tensor in node.inputs:
            if tensor in group_of and len(readers[tensor]) == 1 and tensor not in given:
                earlier = group_of[tensor]
                if earlier is not group:
                    earlier.extend(group)
                    for member in group:
                        group_of.update(dict.fromkeys(member.outputs, earlier))
                    group = earlier
        group_of.update(dict.fromkeys(node.outputs, group))
    groups: List[List[Node]] = []
    for node in nodes:
        group = group_of[node.outputs[0]]
        if not any(group is known for known in groups):
            groups.append(group)
    order = {id(node): place for place, node in enumerate(nodes)}
    return [sorted(group, key=lambda node: order[id(node)]) for group in groups]


def _group(
    nodes: List[Node],
    graph: Graph,
    constants: Dict[str, Node],
    readers: Dict[str, List[Node]],
    layer_of: Dict[str, ModelLayer],
) -> Optional[Group]:
    """A group; None if the file does not tell a shape."""
    own = {id(node) for node in nodes}
    written = {tensor for node in nodes for tensor in node.outputs}
    inputs: Dict[str, Input] = {}
    outputs: Dict[str, Tuple[int, ...]] = {}
    for node in nodes:
        for tensor in node.inputs:
            if tensor and tensor not in written and tensor not in graph.weights and tensor not in constants:
                size = _sized(graph, tensor)
                if size is None:
                    return None
                alone = tensor in layer_of and all(id(reader) in own for reader in readers[tensor])
                inputs[tensor] = Input(tensor, size, alone)
        for tensor in node.outputs:
            outside = any(id(reader) not in own for reader in readers.get(tensor, []))
            if tensor and (outside or tensor in graph.outputs):
                size = _sized(graph, tensor)
                if size is None:
                    return None
                outputs[tensor] = size
    return Group(tuple(nodes), tuple(inputs.values()), tuple(outputs.items()))


def _with_above(groups: List[Group]) -> List[Group]:
    """The groups, each with those above it."""
    writer: Dict[str, Group] = {}
    completed = []
    for group in groups:
        inputs, above = [], []  # type: List[Input], List[Group]
        for group_input in group.inputs:
            stand_in = writer.get(group_input.tensor)
            outputs = () if stand_in is None else stand_in.outputs
            source = next((name for name, size in outputs if size == group_input.size), None)
            if stand_in is not None and source is not None and len(stand_in.above) < _MOST_ABOVE:
                above += [other for other in stand_in.above + (stand_in,) if not any(other is known for known in above)]
                group_input = group_input._replace(source=source)
            inputs.append(group_input)
        whole = group._replace(inputs=tuple(inputs), above=tuple(above))
        equal = next((other for other in above if other.equals(whole)), None)
        writer.update({tensor: whole if equal is None else equal for tensor, _ in group.outputs})
        completed.append(whole)
    return completed


def _sized(graph: Graph, tensor: str) -> Optional[Tuple[int, ...]]:
    size = graph.sizes.get(tensor, ())
    if not size or any(length < 1 for length in size[1:]):
        return None
    return (1,) + size[1:]


def _fixed(nodes: List[Node], layers: List[ModelLayer]) -> List[FixedWidths]:
    """For each layer, whether no layer precedes it, and whether none follows it."""
    own = {layer.output for layer in layers}
    behind: Set[str] = set()  # tensors that depend on a layer
    before: Set[str] = set()  # tensors on which a layer depends
    first, last = {}, {}
    for node in nodes:
        touched = any(tensor in behind for tensor in node.inputs)
        if node.outputs[0] in own:
            first[node.outputs[0]] = not touched
        if touched or node.outputs[0] in own:
            behind.update(node.outputs)
    for node in reversed(nodes):
        leads = any(tensor in before for tensor in node.outputs)
        if node.outputs[0] in own:
            last[node.outputs[0]] = not leads
        if leads or node.outputs[0] in own:
            before.update(node.inputs)
    return [FixedWidths(first[layer.output], last[layer.output]) for layer in layers]


def _product(size: Tuple[int, ...]) -> int:
    product = 1
    for length in size:
        product *= length
    return product
