"""What the export writes is what the plan of a board takes: files, operators, Q/DQ form, ranges."""

import json

import onnx
import pytest

from edgesynth.boards.calibration_cache import parse_cache, write_cache


def planned(called, exported, board):
    code, out, err = called("plan", exported.path, "--board", board, "--json")
    assert code == 0, err
    plan = json.loads(out)
    assert [one["findings"] for one in plan["files"]] == [[], [], []]
    return {build["precision"]: build for build in plan["builds"]}, plan["recommended"]


@pytest.mark.parametrize("board", ["tx1", "tx2", "nano"])
def test_without_int8_units_the_bundle_goes_to_fp16_and_its_ranges_make_a_whole_cache(called, exported, board):
    builds, recommended = planned(called, exported, board)
    assert recommended == "fp16" and builds["fp16"]["source"] == "model.onnx"
    assert builds["int8"]["source"] == "model.onnx + ranges.json"
    assert "no range" not in builds["int8"]["note"]


@pytest.mark.parametrize("board", ["xavier-nx", "agx-orin"])
def test_with_int8_units_the_bundle_goes_to_its_qdq_file(called, exported, board):
    builds, recommended = planned(called, exported, board)
    assert recommended == "int8" and builds["int8"]["source"] == "model.int8.onnx"


def test_the_calibration_cache_has_every_tensor_of_the_graph(exported, tmp_path):
    write_cache(str(exported.path / "ranges.json"), str(tmp_path / "calibration.cache"), "8.2.1.8")
    scales = parse_cache((tmp_path / "calibration.cache").read_text()).scales
    graph = onnx.load(str(exported.path / "model.onnx")).graph
    assert list(scales) == ["images", *(name for node in graph.node for name in node.output)]
    assert min(scales.values()) > 0
