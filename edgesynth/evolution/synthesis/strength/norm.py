"""Strength by magnitude, as the normalization behind a layer scales it."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from edgesynth.anatomy import output_scales
from edgesynth.evolution.synthesis.strength.magnitude import MagnitudeStrength
from edgesynth.evolution.synthesis.strength.parent import Parent


class NormStrength(MagnitudeStrength):
    """The magnitude's rule for |gamma| |w|, gamma being the scale of the normalization that the output channel passes.

    In front of a normalization the size of a filter says nothing: doubled weights give the same output. How much of it
    goes on stands in gamma, as in network slimming (Liu et al., arXiv 1708.06519). Layers that no normalization with a
    scale follows have their magnitudes. See `output_scales` for which gamma is a channel's.
    """

    def synapses(self, parent: Parent) -> dict[str, Tensor]:
        """{weight: viability |gamma w|/Z - 1 in [-1, 0]}."""
        return super().synapses(_scaled(parent))

    def clusters(self, parent: Parent) -> dict[str, Tensor]:
        """{group: (size,) viability sum/Z - 1 in [-1, 0], the sum being |gamma| times the norm of the filter}."""
        return super().clusters(_scaled(parent))


def _scaled(parent: Parent) -> Parent:
    scales = output_scales(parent.anatomy, parent.scales())
    return replace(parent, weights={name: weight.double() * scales[name] for name, weight in parent.weights.items()})
