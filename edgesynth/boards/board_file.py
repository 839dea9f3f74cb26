"""A board that is not in the table: a JSON file with the fields of `Board`.

    {
      "name": "mine",
      "title": "My board",
      "sm": [8, 7],
      "memory_gb": 8,
      "cuda_cores": 1024,
      "ops_per_cycle": {"fp32": 2048, "fp16": 16384, "int8": 32768},
      "modes": [{"name": "MAXN", "nvpmodel_id": 0, "gpu_mhz": 1020, "bandwidth_gb_s": 102, "budget_w": 25}],
      "tensorrt": [["8.6", "JetPack 6.0"], ["10.3", "JetPack 6.1"]]
    }

`name` and `sm` must be there. What is left out is unknown, as a None of the table is, but for `native_fp16` and
`native_int8`, which follow from `sm`, and for fp32 of `ops_per_cycle`, which is twice the `cuda_cores`. The latency is
predicted where `ops_per_cycle` and a mode's `gpu_mhz` and `bandwidth_gb_s` are given; energy is not. `soc`, `modules`,
`rails`, `total_rails`, `part_of` and `total_scope` may be there and serve no prediction.
"""

from typing import Any, Callable, Dict, Optional, Tuple

from edgesynth.boards.board import PRECISIONS, Board, PowerMode
from edgesynth.boards.table import BOARDS, THIS_GPU, native_precisions
from edgesynth.errors import UserError
from edgesynth.files.json_file import read_json

SUFFIX = ".json"
MOST_BYTES = 1 << 16  # a run keeps them in its configuration
_MUST = ("name", "sm")
_HELP = "edgesynth/boards/board_file.py shows a whole one"
_Check = Tuple[str, Callable[[Any], bool]]


def is_board_file(name: str) -> bool:
    """Whether what was given as a board's name is a file: it ends with `.json`."""
    return name.strip().lower().endswith(SUFFIX)


def read_board(path: str) -> Board:
    """Read a board.

    Args:
        path: of the JSON file; see the head of this file.

    Raises:
        UserError: there is no such file, it is not JSON, a field is unknown, absent or of another kind, or the name is
            one of the table.
    """
    return board_of_facts(read_facts(path), path)


def read_facts(path: str) -> Any:
    """The content of a board's file, unchecked.

    Args:
        path: of the JSON file.

    Raises:
        UserError: there is no such file, it is too large, or it is not JSON.
    """
    missing = "there is no file {} for --board; give a board's name, or a JSON file".format(path)
    return read_json(path, missing, _HELP, MOST_BYTES)


def board_of_facts(facts: Any, path: str) -> Board:
    """The board that the content of a file describes.

    Args:
        facts: of the file, as `read_facts` gives them.
        path: of the file, for messages.

    Raises:
        UserError: a field is unknown, absent or of another kind, or the name is one of the table.
    """
    if not isinstance(facts, dict):
        raise UserError("{} holds no object; {}".format(path, _HELP))
    _check_fields(path, "", facts, _FIELDS, _MUST)
    known = [name for board in BOARDS for name in (board.name,) + board.aliases] + [THIS_GPU]
    if facts["name"].strip().lower() in known:
        raise UserError(
            "{} names its board {}, which is in the table of boards; give it another name".format(path, facts["name"])
        )
    sm = tuple(facts["sm"])
    fp16, int8 = native_precisions(sm)
    cores = facts.get("cuda_cores")
    operations: Dict[str, Optional[int]] = dict.fromkeys(PRECISIONS)
    operations["fp32"] = 2 * cores if cores is not None else None
    operations.update(facts.get("ops_per_cycle", {}))
    return Board(
        name=facts["name"],
        title=str(facts.get("title", facts["name"])),
        aliases=(),
        soc=facts.get("soc"),
        modules=tuple(facts.get("modules", ())),
        sm=sm,
        native_fp16=facts.get("native_fp16", fp16),
        native_int8=facts.get("native_int8", int8),
        memory_gb=facts.get("memory_gb"),
        cuda_cores=cores,
        ops_per_cycle=operations,
        modes=tuple(_mode(path, mode) for mode in facts.get("modes", [{"name": "as it is set"}])),
        rails=tuple(facts.get("rails", ())),
        total_rails=tuple(facts.get("total_rails", ())),
        tensorrt=tuple((_version(version), jetpack) for version, jetpack in facts.get("tensorrt", ())),
        **{name: facts[name] for name in ("part_of", "total_scope") if name in facts},
    )


def _mode(path: str, facts: Dict[str, Any]) -> PowerMode:
    _check_fields(path, "modes.", facts, _MODE_FIELDS, ("name",))
    return PowerMode(**facts)


def _check_fields(
    path: str, where: str, facts: Dict[str, Any], fields: Dict[str, _Check], must: Tuple[str, ...]
) -> None:
    for name in must:
        if name not in facts:
            raise UserError("{} has no {}{}: {}; {}".format(path, where, name, fields[name][0], _HELP))
    for name, value in facts.items():
        if name not in fields:
            raise UserError("{} has a field {}{}; the fields are {}".format(path, where, name, ", ".join(fields)))
        words, fits = fields[name]
        if not fits(value):
            raise UserError("{} has {}{} {!r}; it must be {}".format(path, where, name, value, words))


def _version(text: str) -> Tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_list(each: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(each(part) for part in value)


def _is_sm(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(_is_whole(part) for part in value)


def _is_operations(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    return all(name in PRECISIONS and (count is None or _is_number(count)) for name, count in value.items())


def _is_parts(value: Any) -> bool:
    return isinstance(value, dict) and all(_is_text(part) and _is_text(whole) for part, whole in value.items())


def _is_release(value: Any) -> bool:
    if not (isinstance(value, list) and len(value) == 2 and all(_is_text(part) for part in value)):
        return False
    parts = value[0].split(".")
    return len(parts) == 2 and all(part.isdigit() for part in parts)


def _or_none(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or fits(value)


_TEXT: _Check = ("a text", _is_text)
_TEXTS: _Check = ("a list of texts", _is_list(_is_text))
_NUMBER: _Check = ("a number above 0, or null", _or_none(_is_number))
_TRUTH: _Check = ("true, false or null", lambda value: value is None or isinstance(value, bool))
_MODE_FIELDS: Dict[str, _Check] = {
    "name": _TEXT,
    "nvpmodel_id": ("a whole number, or null", _or_none(_is_whole)),
    "gpu_mhz": _NUMBER,
    "bandwidth_gb_s": _NUMBER,
    "budget_w": _NUMBER,
}
_FIELDS: Dict[str, _Check] = {
    "name": _TEXT,
    "title": _TEXT,
    "soc": ("a text, or null", _or_none(_is_text)),
    "modules": _TEXTS,
    "sm": ("the compute capability, such as [8, 7]", _is_sm),
    "native_fp16": _TRUTH,
    "native_int8": _TRUTH,
    "memory_gb": _NUMBER,
    "cuda_cores": ("a whole number, or null", _or_none(_is_whole)),
    "ops_per_cycle": ('operations for each clock, such as {"fp32": 2048, "int8": null}', _is_operations),
    "modes": (
        'a list of at least one object, such as [{"name": "MAXN", "gpu_mhz": 1020, "bandwidth_gb_s": 102}]',
        lambda value: bool(value) and _is_list(lambda mode: isinstance(mode, dict))(value),
    ),
    "rails": _TEXTS,
    "total_rails": _TEXTS,
    "part_of": ('rails and the rail that each is part of, such as {"VDD_GPU": "VDD_IN"}', _is_parts),
    "total_scope": _TEXT,
    "tensorrt": ('a list of pairs, such as [["8.2", "JetPack 4.6.1"]]', _is_list(_is_release)),
}
