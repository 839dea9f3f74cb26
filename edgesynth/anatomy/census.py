"""Census: synapses, clusters, MACs, parameters and bytes, per layer and in all."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

BYTES_PER_VALUE = 4


@dataclass(frozen=True)
class LayerCensus:
    """One convolution or linear layer of the network that removal leaves, or one weight of a recurrent layer.

    Attributes:
        name: the module's name; of a module with several weights, the weight's.
        shape: shape of its weight after removal.
        synapses: weights that are alive; biases and normalization are not counted.
        clusters: output channels; of a recurrent layer, rows of its gates.
        macs: multiply-accumulates of the dense layer for one input.
        sparse_macs: those of its living synapses alone, for a runtime that skips the others.
    """

    name: str
    shape: tuple[int, ...]
    synapses: int
    clusters: int
    macs: int
    sparse_macs: int


@dataclass(frozen=True)
class Census:
    """Counts of a whole network.

    Attributes:
        layers: its convolution, linear and recurrent layers, in the order of their first call.
        activation_macs: multiply-accumulates of what is no layer, for one input: products of activations, such as
            attention's, products with a weight that cannot be cut, fixed filters.
        params: all parameters that removal leaves, biases and normalization included.
        sparse_bytes: float32 values and, for every layer where it is smaller than the dense form, compressed sparse
            rows with 2- or 4-byte column indices.
    """

    layers: tuple[LayerCensus, ...]
    params: int
    sparse_bytes: int
    activation_macs: int = 0

    @property
    def synapses(self) -> int:
        """Living weights of convolution, linear and recurrent layers."""
        return sum(layer.synapses for layer in self.layers)

    @property
    def clusters(self) -> int:
        """Output channels of all layers, those of the output layer included; of recurrent layers, rows of gates."""
        return sum(layer.clusters for layer in self.layers)

    @property
    def macs(self) -> int:
        """Multiply-accumulates for one input: of the dense layers that removal leaves, and of activations."""
        return sum(layer.macs for layer in self.layers) + self.activation_macs

    @property
    def sparse_macs(self) -> int:
        """Multiply-accumulates for one input: of living synapses, and of activations."""
        return sum(layer.sparse_macs for layer in self.layers) + self.activation_macs

    @property
    def dense_bytes(self) -> int:
        """Bytes of all parameters as float32."""
        return BYTES_PER_VALUE * self.params

    def to_json(self) -> dict[str, Any]:
        """Totals and layers as plain values."""
        counts = ("synapses", "clusters", "macs", "sparse_macs", "activation_macs", "params")
        totals = (*counts, "dense_bytes", "sparse_bytes")
        return {**{name: getattr(self, name) for name in totals}, "layers": [asdict(layer) for layer in self.layers]}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Census:
        """The census that `to_json` wrote."""
        layers = tuple(LayerCensus(**{**layer, "shape": tuple(layer["shape"])}) for layer in data["layers"])
        return cls(layers, data["params"], data["sparse_bytes"], data.get("activation_macs", 0))


def smallest_bytes(rows: int, columns: int, alive: int) -> int:
    """Bytes of a float32 matrix, dense or as compressed sparse rows, whichever is smaller."""
    index = 2 if columns <= 1 << 16 else 4
    sparse = alive * (BYTES_PER_VALUE + index) + (rows + 1) * 4
    return min(rows * columns * BYTES_PER_VALUE, sparse)
