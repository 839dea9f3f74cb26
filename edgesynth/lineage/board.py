"""The board that a run aims at, and the precision that its engine has there."""

from __future__ import annotations

from edgesynth.boards.board import Board
from edgesynth.boards.detect import board_named
from edgesynth.config import Config


def board_of(config: Config) -> Board | None:
    """The board of a run; None where none is named.

    Raises:
        UserError: there is none of that name.
    """
    return None if config.board is None else board_named(config.board)


def precision_on(board: Board | None, config: Config) -> str:
    """Precision of the engine: as asked for, or fp16 where the board has it by hardware, else fp32."""
    if config.board_precision != "auto":
        return config.board_precision
    return "fp32" if board is None or board.native_fp16 is False else "fp16"
