"""The cost model: predicted latency and energy of a network on a board."""

from edgesynth.planning.cost.layers import Layer, from_census, product
from edgesynth.planning.cost.onnx_layers import layers_of, read_layers
from edgesynth.planning.cost.prediction import LayerCost, Prediction, predict, predict_layers

__all__ = [
    "Layer",
    "LayerCost",
    "Prediction",
    "from_census",
    "layers_of",
    "predict",
    "predict_layers",
    "product",
    "read_layers",
]
