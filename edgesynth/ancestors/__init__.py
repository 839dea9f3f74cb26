"""Ancestors: networks to start from. Adding one means adding a file and a line to `ANCESTORS` in `building.py`."""

from edgesynth.ancestors.in_process import plain_copy, register_network
from edgesynth.ancestors.number_format import in_float32
from edgesynth.ancestors.registry import ANCESTORS, Known, build_ancestor, example_shape
from edgesynth.ancestors.sizes import check_size
from edgesynth.ancestors.weights.weights import Weights, fit_weights, read_weights

__all__ = [
    "ANCESTORS",
    "Known",
    "Weights",
    "build_ancestor",
    "check_size",
    "example_shape",
    "fit_weights",
    "in_float32",
    "plain_copy",
    "read_weights",
    "register_network",
]
