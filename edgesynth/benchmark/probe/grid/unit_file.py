"""Files with several copies of a unit: what makes a tensor, the layer or operators to time, and what reads the result.

A layer timed alone has costs that it does not have within a network, and lacks costs that it has there. So a 1x1
convolution of an image of one channel makes its input, which is then in the engine's own layout and in the cache. A
convolution of a single place reads its output, and asks for the layout that the next layer would ask for. Where the two
layouts differ, the conversion is timed with the layer that writes. Each copy has weights of its own. So all copies
share the cost of a call, and no copy finds its weights in the nearest cache.
"""

from typing import Dict, List, Optional, Sequence, Tuple

from edgesynth.benchmark.probe.grid.parts import Group
from edgesynth.benchmark.probe.onnx_graph import Graph, Node
from edgesynth.benchmark.probe.onnx_writer import GraphWriter, LayerFile
from edgesynth.boards.probed import LayerShape
from edgesynth.boards.probed.grid import Place
from edgesynth.boards.probed.shape import DEPTHWISE, LINEAR

# Channels that a reader writes: as many as a block of the widest vectors has.
READ = 16


FRAME_COPIES, GROUP_COPIES = 8, 4


def copies_of(place: Place) -> int:
    """Number of units in a layer's file, 4 to 8: their weights should fill a core's second-level cache twice."""
    shape, inputs, outputs = place
    weights_bytes = 4 * inputs * outputs // shape.groups
    for length in shape.window:
        weights_bytes *= length
    return min(max(-(-(2 << 20) // weights_bytes), 4), 8)


def layer_units(place: Place, copies: int, batch: int) -> LayerFile:
    """Units of one layer.

    Args:
        place: the layer.
        copies: number of units.
        batch: images per run.
    """
    shape, inputs, outputs = place
    graph = GraphWriter(half=False)
    read = outputs if shape.op == DEPTHWISE else inputs
    given: Dict[str, Sequence[int]] = {}
    if shape.op == LINEAR:
        image = graph.image([batch, inputs])
        for _ in range(copies):
            weights = [graph.weight([outputs, inputs]), graph.weight([outputs])]
            given[graph.node("Gemm", [graph.node("Relu", [image])] + weights, transB=1)] = [batch, outputs]
        return graph.file_of(given)
    groups = outputs if shape.op == DEPTHWISE else shape.groups
    image = graph.image([batch, 1] + list(shape.size))
    for _ in range(copies):
        made = _made(graph, image, read)
        weights = [graph.weight([outputs, read // groups] + list(shape.window)), graph.weight([outputs])]
        made = graph.node(
            "Conv",
            [made] + weights,
            kernel_shape=shape.window,
            strides=shape.strides,
            dilations=shape.dilations,
            pads=shape.pads,
            group=groups,
        )
        _read(graph, graph.node("Relu", [made]), outputs, size_behind(shape), batch, given)
    return graph.file_of(given)


def frame_units(size: Sequence[int], width: int, readers: int, copies: int, batch: int) -> LayerFile:
    """Units without a layer: what makes a tensor, and one or two operators that read it.

    Args:
        size: (H, W) of the tensor; () for one of features alone, which nothing reads.
        width: its channels or features.
        readers: number of operators that read it.
        copies: number of units.
        batch: images per run.
    """
    graph = GraphWriter(half=False)
    given: Dict[str, Sequence[int]] = {}
    image = graph.image([batch, 1] + list(size) if size else [batch, width])
    for _ in range(copies):
        if not size:
            given[graph.node("Relu", [image])] = [batch, width]
            continue
        made = _made(graph, image, width)
        for _ in range(readers):
            _read(graph, made, width, size, batch, given)
    return graph.file_of(given)


def group_units(
    groups: Sequence[Group], model: Graph, constants: Dict[str, Node], copies: int, batch: int
) -> Optional[LayerFile]:
    """Units of groups of operators beside the layers, at the widths that they have in a model.

    Args:
        groups: in the order of the model. In the units, layers write the inputs that no other group writes.
        model: the graph that they are part of.
        constants: see `parts.Parts`.
        copies: number of units.
        batch: images per run.

    Returns:
        None where their inputs cannot all be made from one image.
    """
    sizes = [group_input.size for group in groups for group_input in group.inputs if not group_input.source]
    graph = GraphWriter(half=False, form=model.form)
    largest = max((size[2:] for size in sizes), default=())
    flat = not largest
    alike = len(set(sizes)) == 1 if flat else len({len(size) for size in sizes}) == 1
    if not alike or any(_strides(largest, size[2:]) is None for size in sizes):
        return None
    image = graph.image([batch] + (list(sizes[0][1:]) if flat else [1] + list(largest)))
    fixed = _constants(graph, groups, model, constants)
    given: Dict[str, Sequence[int]] = {}
    for _ in range(copies):
        names = dict(fixed)
        for group in groups:
            for group_input in group.inputs:
                if group_input.source:
                    names[group_input.tensor] = names[group_input.source]
                elif flat:
                    names[group_input.tensor] = graph.node("Relu", [image])
                else:
                    strides = _strides(largest, group_input.size[2:])
                    made = _made(graph, image, group_input.size[1], strides, rectified=not group_input.alone)
                    names[group_input.tensor] = made
                    if not group_input.alone:
                        _read(graph, made, group_input.size[1], group_input.size[2:], batch, given)
            for node in group.nodes:
                graph.copy(node, names)
            for tensor, size in group.outputs:
                if len(size) > 2:
                    _read(graph, names[tensor], size[1], size[2:], batch, given)
                else:
                    given[names[tensor]] = (batch,) + size[1:]
    return graph.file_of(given)


def smallest_file(batch: int) -> LayerFile:
    """A file of one operator on one value of each image: it takes the time of a call."""
    graph = GraphWriter(half=False)
    return graph.file_of({graph.node("Relu", [graph.image([batch, 1, 1, 1])]): [batch, 1, 1, 1]})


def size_behind(shape: LayerShape) -> Tuple[int, ...]:
    """(H, W) of a convolution's output."""
    rank = len(shape.window)
    return tuple(
        (shape.size[axis] + shape.pads[axis] + shape.pads[rank + axis] - shape.dilations[axis] * (window - 1) - 1)
        // shape.strides[axis]
        + 1
        for axis, window in enumerate(shape.window)
    )


def _made(
    graph: GraphWriter, image: str, width: int, strides: Optional[Sequence[int]] = None, rectified: bool = True
) -> str:
    """A tensor of `width` channels, as a layer leaves it; an engine may fuse its reader if it is not rectified."""
    rank = graph.rank
    weights = [graph.weight([width, 1] + [1] * rank), graph.weight([width])]
    made = graph.node("Conv", [image] + weights, kernel_shape=[1] * rank, strides=strides or [1] * rank)
    return graph.node("Relu", [made]) if rectified else made


def _read(
    graph: GraphWriter, tensor: str, width: int, size: Sequence[int], batch: int, given: Dict[str, Sequence[int]]
) -> None:
    """Read one place of a tensor, as a layer would."""
    ones = [1] * len(size)
    weights = [graph.weight([READ, width] + ones), graph.weight([READ])]
    strides = [max(length, 1) for length in size]
    given[graph.node("Conv", [tensor] + weights, kernel_shape=ones, strides=strides)] = [batch, READ] + ones


def _strides(largest: Sequence[int], size: Sequence[int]) -> Optional[List[int]]:
    """Strides with which a 1x1 convolution turns the largest size into a smaller one; None if there are none."""
    strides = [-(-whole // max(length, 1)) for whole, length in zip(largest, size)]
    fits = all((whole - 1) // stride + 1 == length for whole, length, stride in zip(largest, size, strides))
    return strides if fits else None


def _constants(graph: GraphWriter, groups: Sequence[Group], model: Graph, constants: Dict[str, Node]) -> Dict[str, str]:
    """Copy the constants that groups read into a graph; return the names of those that nodes compute."""
    computing: List[Node] = []

    def take(node: Node) -> None:
        for tensor in node.inputs:
            if tensor in constants:
                take(constants[tensor])
        if node not in computing:
            computing.append(node)

    nodes = [node for group in groups for node in group.nodes]
    for node in nodes:
        for tensor in node.inputs:
            if tensor in constants:
                take(constants[tensor])
    for tensor in sorted({tensor for node in nodes + computing for tensor in node.inputs if tensor in model.stored}):
        graph.keep(tensor, bytes(model.stored[tensor]))
    names: Dict[str, str] = {}
    for node in computing:
        graph.copy(node, names)
    return names
