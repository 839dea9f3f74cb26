"""The board that a run aims at, and the precision that its engine has there.

A board that a JSON file describes is kept in the run's configuration: the file may change while the run does not.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from edgesynth.boards.board import Board
from edgesynth.boards.board_file import board_of_facts, is_board_file, read_facts
from edgesynth.boards.detect import board_named
from edgesynth.config import Config
from edgesynth.errors import UserError
from edgesynth.lineage.storage.kept_config import read_kept
from edgesynth.lineage.storage.reading import DamagedError

THIS_MACHINE = "local"


def board_of(config: Config) -> Board | None:
    """The board of a run, by the facts that the run keeps of it; None where none is named, or this machine is.

    Raises:
        UserError: there is none of that name, or the file or the facts describe none.
    """
    if config.board in (None, THIS_MACHINE):
        return None
    assert config.board is not None
    if config.board_facts is not None and is_board_file(config.board):
        return board_of_facts(_parsed(config.board_facts), config.board)
    return board_named(config.board)


def precision_on(board: Board | None, config: Config) -> str:
    """Precision of the engine: as asked for, or fp16 where the board has it by hardware, else fp32."""
    if config.board_precision != "auto":
        return config.board_precision
    return "fp32" if board is None or board.native_fp16 is False else "fp16"


def with_board_facts(config: Config, run: Path | None) -> Config:
    """The configuration with the content of its board's file, where it does not have that already.

    Args:
        config: of a run that is to be started or resumed.
        run: directory of a run that is resumed, whose board must be the same; None for a new one. A file that is gone
            is replaced by what this run keeps of it.

    Raises:
        UserError: the file cannot be read or describes no board, or it has changed since the run was started.
    """
    if config.board is None or config.board_facts is not None or not is_board_file(config.board):
        return config
    kept = None if run is None else _kept_facts(run, config.board)
    if kept is not None and not Path(config.board).exists():
        return config.model_copy(update={"board_facts": kept})
    facts = read_facts(config.board)
    board_of_facts(facts, config.board)
    now = _text(facts)
    if kept is not None and kept != now:
        raise UserError(
            f"--board {config.board} has changed since {run} was started: {_difference(kept, now)}; leave --board out "
            "to resume with the board that the run keeps, or give another --run for the board as it is now"
        )
    return config.model_copy(update={"board_facts": now})


def changed_board(config: Config) -> str:
    """What to report of a board's file that no longer holds what the run keeps of it; empty where there is nothing."""
    if config.board is None or config.board_facts is None or not Path(config.board).is_file():
        return ""
    try:
        now = _text(read_facts(config.board))
        change = "" if now == config.board_facts else _difference(config.board_facts, now)
    except UserError as error:
        change = str(error)
    if not change:
        return ""
    return (
        f"--board {config.board} has changed since the run was started: {change}; the run's own copy is used; for "
        "the board as it is now, give --board again with another --run"
    )


def _kept_facts(run: Path, board: str) -> str | None:
    try:
        config = read_kept(run)
    except DamagedError:  # refused or written anew later
        return None
    return config.board_facts if config.board == board else None


def _text(facts: Any) -> str:
    """Facts as JSON that does not depend on the order and the spaces in the file."""
    return json.dumps(facts, sort_keys=True)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"board_facts of the configuration is not JSON ({error}); leave it out") from None


def _difference(kept: str, now: str) -> str:
    """The fields in which two contents of a file differ."""
    before, after = _parsed(kept), _parsed(now)
    if not isinstance(before, dict) or not isinstance(after, dict):
        return "it holds no object"
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return ", ".join(f"{name} was {_shown(before, name)} and is {_shown(after, name)}" for name in names)


def _shown(facts: dict[str, Any], name: str) -> str:
    return json.dumps(facts[name]) if name in facts else "not given"
