"""Precision: what numbers a synapse may take, how a value is rounded to them, and a network as a device would run it.

Learning a precision while a network is trained is nurture's business; see `edgesynth.nurture.precision`.
"""

from edgesynth.precision.deployed import quantise_inputs
from edgesynth.precision.layers import INPUT_SCALE, WEIGHT_SCALE, layer_of, owners, refusals
from edgesynth.precision.precisions import FP32, PRECISIONS, bits, has_scale, largest_level, parse_layers
from edgesynth.precision.rounding import along_rows, quantise, to_half

__all__ = [
    "FP32",
    "INPUT_SCALE",
    "PRECISIONS",
    "WEIGHT_SCALE",
    "along_rows",
    "bits",
    "has_scale",
    "largest_level",
    "layer_of",
    "owners",
    "parse_layers",
    "quantise",
    "quantise_inputs",
    "refusals",
    "to_half",
]
