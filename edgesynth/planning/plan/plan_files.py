"""The plans for a model's files: of one board, that of a probe, or every board of the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from edgesynth.boards.board import Board
from edgesynth.boards.detect import board_named
from edgesynth.boards.probed import ProbeTable, read_table
from edgesynth.errors import UserError
from edgesynth.planning.plan.plan import Plan, make_plan, plan_for_all, read_forms


class Place(NamedTuple):
    """What is planned for.

    Attributes:
        board: None for every board of the table.
        mode: the board's power mode; None for its fastest.
        probe: layers that were measured on the board; None for none.
    """

    board: Board | None
    mode: str | None
    probe: ProbeTable | None


def choose_place(board: str | None, mode: str | None, probe: str | None) -> Place:
    """Find a board by its name, or by the probe that was made on it.

    Args:
        board: its name; None for that of the probe, or for every board where there is none.
        mode: name of its power mode.
        probe: path of a table of `edgesynth probe`.

    Raises:
        UserError: there is no such board, the table cannot be read, or a mode is given without a board.
    """
    table = read_table(probe) if probe is not None else None
    if table is not None and board is None:
        board = table.board
    if board is None and mode is not None:
        raise UserError(f"--mode {mode} is a power mode of one board; name the board with --board")
    return Place(board_named(board) if board is not None else None, mode, table)


def plan_files(
    forms: Mapping[str, str],
    place: Place,
    tensorrt: str | None = None,
    ranges: str | None = None,
    batch: int | None = None,
    kept: Sequence[dict[str, str]] = (),
) -> list[Plan]:
    """Say what the board, or each board, will do with a model.

    Args:
        forms: path of each form of the model, see `read_forms`.
        place: from `choose_place`.
        tensorrt: see `make_plan`.
        ranges: likewise.
        batch: likewise.
        kept: likewise.

    Returns:
        One plan, or one for each board.

    Raises:
        UserError: see `read_forms`, `make_plan` and `plan_for_all`.
    """
    graphs = read_forms(dict(forms))
    if place.board is None:
        return plan_for_all(graphs, tensorrt, ranges, batch, kept)
    return [make_plan(graphs, place.board, tensorrt, ranges, batch, place.mode, place.probe, kept)]
