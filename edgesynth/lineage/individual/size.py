"""Size: the bits of an individual's synapses, each at its own precision."""

from __future__ import annotations

import math
from collections.abc import Mapping

from edgesynth.anatomy import Census
from edgesynth.quantization import FP32, bits, layer_of


def weight_bits(census: Census, precision: Mapping[str, str]) -> int:
    """Bits of all living synapses at their precision, and 32 for each parameter of biases and normalization.

    Which synapses live, and the scales of integers, would have to be written too; they are not counted.

    Args:
        census: the individual's.
        precision: {weight: precision}; a weight that is not named is fp32. See `Genome.precision`.
    """
    named = {layer_of(weight): kind for weight, kind in precision.items()}
    synapses = sum(layer.synapses * bits(named.get(layer.name, FP32)) for layer in census.layers)
    others = census.params - sum(math.prod(layer.shape) for layer in census.layers)
    return synapses + bits(FP32) * others
