"""Precision in the loop: offspring are trained with the weights and activations that their device will have.

Synaptic precision restrictions (arXiv 1707.00095), with scales that are learned (LSQ, arXiv 1902.08153).
"""

from edgesynth.nurture.precision.quantisers import Quantisers
from edgesynth.nurture.precision.starting import fitted_scale, learnable_scale

__all__ = ["Quantisers", "fitted_scale", "learnable_scale"]
