"""Multiples of channels that the engine of a board likes.

Tensor cores read 16 bytes of channels at a time: 8 values of FP16, and 16 of INT8, of which TensorRT packs 32 (kCHW32)
from Ampere on. TX1, TX2 and Nano have none: their kernels read four values at a time. Depthwise convolutions must have
multiples of 4 in INT8 (`int8_limits`).
"""

from typing import NamedTuple

from edgesynth.boards.board import Board
from edgesynth.boards.int8_limits import MULTIPLE

_TENSOR_CORES, _AMPERE = (7, 0), (8, 0)  # compute capabilities from which on


class Multiples(NamedTuple):
    """Numbers that widths should be multiples of.

    Attributes:
        dense: channels of convolutions and linear layers.
        grouped: channels of grouped and depthwise convolutions.
        needed: the least that channels of grouped and depthwise convolutions must be a multiple of.
    """

    dense: int = 1
    grouped: int = 1
    needed: int = 1


def multiples_of(board: Board, precision: str) -> Multiples:
    """What the engine of a board likes.

    Args:
        board: the board; of one whose compute capability is not known nothing is assumed beyond vectors of four.
        precision: "fp32", "fp16" or "int8"; int8 counts as fp32 where the GPU has no INT8 units.
    """
    if board.sm is None or board.sm < _TENSOR_CORES:
        return Multiples(4, 4)
    if precision == "int8" and board.native_int8:
        return Multiples(32 if board.sm >= _AMPERE else 16, MULTIPLE, MULTIPLE)
    return Multiples(8 if precision == "fp16" else 4, 4)
