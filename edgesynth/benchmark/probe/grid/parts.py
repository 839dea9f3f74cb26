"""What a network consists of to a grid: its layers, and groups of operators beside them.

Operators that hand a tensor to one reader alone are one group, for an engine fuses them, or keeps a layout among them.
What a group costs may hang on the groups whose results it reads: behind a slice, ONNX Runtime leaves its own layout,
and every addition along a chain of residual blocks is then a kernel of its own.
"""

from typing import Any, Dict, List, NamedTuple, Optional, Set, Tuple

from edgesynth.benchmark.probe.model_layers import ModelLayer, layers_of
from edgesynth.benchmark.probe.onnx_graph import Graph, Node
from edgesynth.boards.probed.grid import AFTER, Beside, Place, place_of

# Groups above another that are built with it, at most: beyond, the tensor is taken for a layer's.
_MOST_ABOVE = 8


class Input(NamedTuple):
    """A tensor that a group reads.

    Attributes:
        tensor: its name.
        size: its shape, 1 for a free batch.
        alone: whether a layer writes it and the group is all that reads it, so that the two may be fused.
        source: an output of one of `Group.above` that stands for it; "" where a layer writes it.
    """

    tensor: str
    size: Tuple[int, ...]
    alone: bool
    source: str = ""


class Group(NamedTuple):
    """Operators beside the layers that belong together.

    Attributes:
        nodes: in their order.
        inputs: that other parts of the network write.
        outputs: names and shapes of what other parts read, or the network gives.
        above: groups whose results it reads, and those above them, in the order of the network; of a chain of equal
            ones, the first alone.
    """

    nodes: Tuple[Node, ...]
    inputs: Tuple[Input, ...]
    outputs: Tuple[Tuple[str, Tuple[int, ...]], ...]
    above: Tuple[Any, ...] = ()

    @property
    def beside(self) -> Beside:
        """What the grid knows it by: its operators, others above it, and its elements."""
        sizes = [group_input.size for group_input in self.inputs] + [size for _, size in self.outputs]
        ops = [node.op for node in self.nodes]
        others = sorted({node.op for group in self.above for node in group.nodes} - set(ops))
        name = "+".join(ops) + (AFTER + "+".join(others) if others else "")
        return Beside(name, max(sum(map(_product, sizes)), 1))

    def equals(self, other: "Group") -> bool:
        """Whether it computes the same of tensors of the same shapes."""

        def kind(group: "Group") -> Any:
            sizes = sorted(group_input.size for group_input in group.inputs)
            return [node.op for node in group.nodes], sizes, [size for _, size in group.outputs]

        return bool(kind(self) == kind(other))


class FixedWidths(NamedTuple):
    """Which widths of a layer no removal changes: those of the image and of the answer."""

    inputs: bool
    outputs: bool


class Parts(NamedTuple):
    """A network in parts.

    Attributes:
        layers: in their order.
        fixed: of each layer, in the same order.
        groups: what lies beside.
        left_out: what cannot be measured, each with its reason.
        constants: nodes that depend on nothing that flows, by what they write.
    """

    layers: List[ModelLayer]
    fixed: List[FixedWidths]
    groups: List[Group]
    left_out: List[str]
    constants: Dict[str, Node]

    @property
    def places(self) -> List[Place]:
        """The layers as a grid knows them."""
        return [place_of(layer.shape, layer.width) for layer in self.layers]

    @property
    def beside(self) -> List[Beside]:
        """The groups as a grid knows them."""
        return [group.beside for group in self.groups]


def parts_of(graph: Graph) -> Parts:
    """Take a network apart.

    Raises:
        UserError: it holds no layer, or does not tell the shape of what one reads.
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
    """Nodes that hand a tensor to one reader alone, together."""
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
    """Of each layer, whether none lies before it, and whether none behind it."""
    own = {layer.output for layer in layers}
    behind: Set[str] = set()  # tensors that a layer has a part in
    before: Set[str] = set()  # tensors that have a part in what a layer reads
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
