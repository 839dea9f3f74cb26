"""Which layers of a parsed network an ONNX node became, and who writes and reads a tensor."""

from typing import Any, Dict, Iterator, List, NamedTuple, Tuple

from edgesynth.benchmark.engines.onnx_bytes import writers_of


class NodeLayers(NamedTuple):
    """Consecutive layers of the network, the last of which writes a tensor of the file.

    Attributes:
        nodes: names of the nodes of the file that write what the last layer writes.
        layers: TensorRT's.
    """

    nodes: Tuple[str, ...]
    layers: List[Any]


def layers_of(network: Any) -> List[Any]:
    """All layers, in the order in which the parser made them."""
    return [network.get_layer(number) for number in range(network.num_layers)]


def outputs_of(layer: Any) -> List[Any]:
    """The tensors that a layer writes."""
    return [layer.get_output(place) for place in range(layer.num_outputs)]


def inputs_of(layer: Any) -> List[Any]:
    """The tensors that a layer reads; those that it could read and does not are left out."""
    tensors = [layer.get_input(place) for place in range(layer.num_inputs)]
    return [tensor for tensor in tensors if tensor is not None]


def layers_by_node(network: Any, path: str) -> Iterator[NodeLayers]:
    """Layers by the nodes that they were made of.

    The parser may make several layers of a node. They follow each other, and the last one writes the node's tensor: by
    its name, which is the file's, they are known. Their own names differ between releases.

    Args:
        network: what the parser made of the file.
        path: the ONNX file.
    """
    writers = writers_of(path)
    waiting: List[Any] = []
    for layer in layers_of(network):
        waiting.append(layer)
        nodes = tuple(writers[tensor.name] for tensor in outputs_of(layer) if tensor.name in writers)
        if nodes:
            yield NodeLayers(nodes, waiting)
            waiting = []


def producers_of(network: Any) -> Dict[str, Tuple[Any, int]]:
    """{tensor: the layer that writes it, and as which of its outputs}."""
    return {
        tensor.name: (layer, place) for layer in layers_of(network) for place, tensor in enumerate(outputs_of(layer))
    }


def as_kind(trt: Any, layer: Any, kind: str) -> Any:
    """The layer as the class of its kind, with what that has beyond `ILayer`.

    `get_layer` gives an `ILayer` whatever the layer is. Its class can be changed, as Polygraphy does it.

    Args:
        trt: the module tensorrt.
        layer: from `layers_of`.
        kind: the class, such as "IConstantLayer".
    """
    layer.__class__ = getattr(trt, kind)
    return layer
