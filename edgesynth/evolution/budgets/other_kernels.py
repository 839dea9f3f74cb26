"""Beside: the kernels of a network on a board that removal leaves, because no weight accounts for them.

A census counts convolutions and linear layers. Pooling, sums that nothing takes in, resizing and the like are read
once, from the ancestor's ONNX, where a board is to be predicted: their number stays what it was.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from torch import nn

from edgesynth.errors import UserError
from edgesynth.lineage import THIS_MACHINE, Config, Species
from edgesynth.planning.cost import Layer

Kernels = Callable[[nn.Module, Sequence[int], int], tuple[Layer, ...]]  # handed in, since evolution knows no export


def with_other_kernels(kind: Species, config: Config, kernels: Kernels | None) -> tuple[Species, str]:
    """The species with what lies beside its layers, and what is to be told where that cannot be read.

    Args:
        kind: the species.
        config: names the board, or none.
        kernels: reads them of a network, the shape (C, H, W) of its input and an opset; None leaves them out.
    """
    if config.board in (None, THIS_MACHINE) or kernels is None:
        return kind, ""
    try:
        return dataclasses.replace(kind, other_kernels=kernels(kind.model, kind.input_shape, config.opset)), ""
    except UserError as error:
        return kind, f"latency is predicted from convolutions and linear layers alone ({error})"
