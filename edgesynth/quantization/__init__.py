"""Quantization: number formats, rounding, learned scales, and a network as a device would run it.

Synaptic precision restrictions (arXiv 1707.00095), with scales that are learned (LSQ, arXiv 1902.08153).
"""

from edgesynth.quantization.deployed import quantize_inputs
from edgesynth.quantization.fake_quantization import Quantizers
from edgesynth.quantization.layers import INPUT_SCALE, WEIGHT_SCALE, layer_of, owners, refusals
from edgesynth.quantization.number_formats import FP32, PRECISIONS, bits, has_scale, largest_level, parse_layers
from edgesynth.quantization.rounding import along_rows, quantize, to_half
from edgesynth.quantization.scale_initialization import fitted_scale, learnable_scale

__all__ = [
    "FP32",
    "INPUT_SCALE",
    "PRECISIONS",
    "WEIGHT_SCALE",
    "Quantizers",
    "along_rows",
    "bits",
    "fitted_scale",
    "has_scale",
    "largest_level",
    "layer_of",
    "learnable_scale",
    "owners",
    "parse_layers",
    "quantize",
    "quantize_inputs",
    "refusals",
    "to_half",
]
