"""A board that a JSON file describes: read, and refused by the field that is wrong."""

import json

import pytest

from edgesynth.boards.board import PowerMode
from edgesynth.boards.board_file import read_board
from edgesynth.boards.detect import board_named
from edgesynth.boards.table import BOARDS
from edgesynth.errors import UserError

MINE = {
    "name": "mine",
    "title": "My board",
    "sm": [8, 7],
    "memory_gb": 8,
    "cuda_cores": 1024,
    "ops_per_cycle": {"fp16": 16384, "int8": 32768},
    "modes": [{"name": "MAXN", "nvpmodel_id": 0, "gpu_mhz": 1020, "bandwidth_gb_s": 102, "budget_w": 25}],
    "tensorrt": [["8.6", "JetPack 6.0"], ["10.3", "JetPack 6.1"]],
}


def written(path, facts):
    path.write_text(json.dumps(facts))
    return str(path)


def facts_of(board):
    """A board of the table as a file would describe it."""
    facts = {name: value for name, value in board._asdict().items() if name != "aliases"}
    facts["modes"] = [mode._asdict() for mode in board.modes]
    facts["tensorrt"] = [[".".join(map(str, version)), jetpack] for version, jetpack in board.tensorrt]
    return facts


def test_a_file_says_what_a_board_can_do(tmp_path):
    board = board_named(written(tmp_path / "mine.json", MINE))
    assert (board.name, board.title, board.sm_name, board.memory_gb) == ("mine", "My board", "sm_87", 8)
    assert board.modes == (PowerMode("MAXN", 0, 1020, 102, 25),) and board.mode("maxn").budget_w == 25
    assert board.ops_per_cycle == {"fp32": 2048, "fp16": 16384, "int8": 32768}
    assert board.peak_gops("fp16") == 16384 * 1.02
    assert board.tensorrt == (((8, 6), "JetPack 6.0"), ((10, 3), "JetPack 6.1"))
    assert (board.native_fp16, board.native_int8) == (True, True)


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_every_board_of_the_table_could_have_come_from_a_file(tmp_path, board):
    read = read_board(written(tmp_path / "other.json", {**facts_of(board), "name": "other"}))
    assert read._replace(name=board.name, aliases=board.aliases) == board


def test_a_name_and_a_compute_capability_are_enough(tmp_path):
    board = read_board(written(tmp_path / "mine.json", {"name": "mine", "sm": [6, 2]}))
    assert (board.title, board.native_fp16, board.native_int8, board.memory_gb) == ("mine", True, False, None)
    assert board.modes == (PowerMode("as it is set"),) and board.peak_gops("fp32") is None and board.tensorrt == ()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"name": None}, "has name None; it must be a text"),
        ({"name": "Jetson-TX2"}, "names its board Jetson-TX2, which is in the table of boards; give it another name"),
        ({"sm": "sm_87"}, "has sm 'sm_87'; it must be the compute capability, such as [8, 7]"),
        ({"sm": [8]}, "has sm [8]; it must be the compute capability"),
        ({"memory": 8}, "has a field memory; the fields are name, title,"),
        ({"memory_gb": -8}, "has memory_gb -8; it must be a number above 0, or null"),
        ({"memory_gb": True}, "has memory_gb True; it must be a number"),
        ({"native_int8": "yes"}, "has native_int8 'yes'; it must be true, false or null"),
        ({"ops_per_cycle": {"fp8": 1}}, "has ops_per_cycle {'fp8': 1}; it must be operations for each clock"),
        (
            {"part_of": ["VDD_IN"]},
            "has part_of ['VDD_IN']; it must be rails and the rail that each is part of, such as",
        ),
        ({"total_scope": ""}, "has total_scope ''; it must be a text"),
        ({"modes": []}, "has modes []; it must be a list of at least one object"),
        ({"modes": [{"gpu_mhz": 1}]}, "has no modes.name: a text"),
        ({"modes": [{"name": "MAXN", "mhz": 1}]}, "has a field modes.mhz; the fields are name, nvpmodel_id, gpu_mhz"),
        ({"modes": [{"name": "MAXN", "gpu_mhz": "1"}]}, "has modes.gpu_mhz '1'; it must be a number above 0"),
        ({"tensorrt": [["8", "JetPack"]]}, 'it must be a list of pairs, such as [["8.2", "JetPack 4.6.1"]]'),
        ({"rails": "VDD_IN"}, "has rails 'VDD_IN'; it must be a list of texts"),
    ],
    ids=str,
)
def test_a_field_that_is_not_what_it_must_be_is_refused_by_its_name(tmp_path, changed, words):
    path = written(tmp_path / "mine.json", {**MINE, **changed})
    with pytest.raises(UserError) as refusal:
        board_named(path)
    assert str(refusal.value).startswith(path) and words in str(refusal.value)


@pytest.mark.parametrize("name", ["name", "sm"])
def test_what_must_be_there_and_is_not_is_refused(tmp_path, name):
    path = written(tmp_path / "mine.json", {key: value for key, value in MINE.items() if key != name})
    with pytest.raises(UserError, match=f"has no {name}: "):
        board_named(path)


def test_a_file_that_is_absent_or_no_json_or_no_object_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"there is no file .*absent.json for --board; give a board's name, or a JSON"):
        board_named(str(tmp_path / "absent.json"))
    (tmp_path / "text.json").write_text("tx2")
    with pytest.raises(UserError, match=r"text.json is not JSON"):
        board_named(str(tmp_path / "text.json"))
    with pytest.raises(UserError, match=r"large.json has 70,\d+ bytes, and such a file has at most 65,536"):
        board_named(written(tmp_path / "large.json", {**MINE, "title": "x" * 70_000}))
    with pytest.raises(UserError, match=r"list.json holds no object"):
        board_named(written(tmp_path / "list.json", ["tx2"]))
