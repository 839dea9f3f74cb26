"""Calls of layers: which weights are multiplied, and how often."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LayerUse:
    """One call of a convolution, linear or recurrent layer.

    Attributes:
        weight: name of its weight.
        written: the weight's dimension of output channels.
        groups: blocks of a grouped convolution whose output channels that dimension does not count; else 1.
        positions: positions for one input, by each of which every weight is multiplied once: of the output, or of the
            input of a transposed convolution; steps of a recurrent layer.
    """

    weight: str
    written: int
    groups: int
    positions: int
