"""Which layers of a network an engine's layer computes: by the names of nodes and tensors that its own name holds.

TensorRT joins the names of what it fuses: `/conv1/Conv + /relu/Relu`, `PWN(/a/Sigmoid, /a/Mul)`, `/a/Conv || /b/Conv`,
`{ForeignNode[/a/Reshape.../b/MatMul]}` for all from one node to another, `/conv1/Conv_myl0_4`. ONNX Runtime on x86
names a convolution after the tensor that it writes: `/relu/Relu_output_0_nchwc`.
"""

import re
from typing import Dict, List, NamedTuple, Sequence, Set, Tuple

from edgesynth.benchmark.bundle.groups import Group, layer_of
from edgesynth.benchmark.engines.onnx_bytes import Wiring, wiring_of

# What has weights of its own; all else lies beside such a layer.
_PRODUCTS = ("Conv", "ConvTranspose", "Gemm", "MatMul")
# What is computed within the layer before it.
_ACTIVATIONS = ("Relu", "Clip", "LeakyRelu", "Sigmoid", "HardSigmoid", "HardSwish", "Tanh", "Elu", "PRelu")
_MOVES = re.compile(r"^(Reformatting CopyNode|Reorder(Input|Output)|(Input|Output)Reformat)")
_APART = re.compile(r"[^\w./-]+")
_SUFFIX = re.compile(r"(_nchwc|_myl\d+_\d+|_clone_\d+)+$")


class Part(NamedTuple):
    """What a layer of an engine computes.

    Attributes:
        nodes: of the ONNX file, in its order.
        layers: the network's, of those of the nodes that have weights.
        groups: cluster groups whose channels these layers make.
    """

    nodes: Tuple[str, ...]
    layers: Tuple[str, ...]
    groups: Tuple[str, ...]


class Joiner:
    """Joins names with one network.

    Args:
        path: its ONNX file.
        groups: its cluster groups; none where they are not known.
    """

    def __init__(self, path: str, groups: Sequence[Group]) -> None:
        self._nodes: List[Wiring] = list(wiring_of(path))
        self._places = {node.name: place for place, node in enumerate(self._nodes) if node.name}
        self._writers = {tensor: place for place, node in enumerate(self._nodes) for tensor in node.outputs}
        self._layers: Dict[str, str] = {}
        self._groups: Dict[str, List[str]] = {}
        for group in groups:
            for node, layer in group.layers.items():
                self._layers[node] = layer
                self._groups.setdefault(node, []).append(group.name)

    def part(self, name: str) -> Part:
        """What an engine's layer of a name computes; nothing of the network where it only moves data."""
        places = sorted(set() if _MOVES.search(name) else self._places_in(name))
        nodes = [self._nodes[place] for place in places]
        products = [node.name for node in nodes if node.op in _PRODUCTS]
        return Part(
            tuple(node.name for node in nodes),
            _unique([self._layers.get(node) or layer_of(node) for node in products]),
            _unique([group for node in products for group in self._groups.get(node, [])]),
        )

    def _places_in(self, name: str) -> Set[int]:
        places: Set[int] = set()
        for token in filter(None, _APART.split(name)):
            first, dots, last = token.partition("...")
            ends = [self._place(first), self._place(last)] if dots else []
            if len(ends) == 2 and all(ends):
                start, end = min(ends[0]), max(ends[1])
                places.update(range(min(start, end), max(start, end) + 1))
            else:
                places.update(self._place(token))
        return places

    def _place(self, token: str) -> Set[int]:
        """The node of a name, or that which writes the tensor of a name with what is computed within it."""
        for word in (token, _SUFFIX.sub("", token)):
            if word in self._places:
                return {self._places[word]}
            if word in self._writers:
                return self._above(self._writers[word])
        return set()

    def _above(self, place: int) -> Set[int]:
        """A node, and if it is an activation those above it up to the layer that it belongs to."""
        chain = {place}
        while self._nodes[place].op in _ACTIVATIONS and self._nodes[place].inputs[0] in self._writers:
            place = self._writers[self._nodes[place].inputs[0]]
            chain.add(place)
        return chain


def _unique(names: List[str]) -> Tuple[str, ...]:
    return tuple(dict.fromkeys(names))
