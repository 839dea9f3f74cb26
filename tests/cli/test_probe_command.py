"""`edgesynth probe`: the ladder needs a file of its own, the grid has its place in the cache."""

import json

from tests.benchmark.probe.grid.networks import separable


def test_a_grid_is_kept_in_the_cache_and_a_second_probe_measures_nothing(edgesynth, tmp_path):
    separable(tmp_path / "m.onnx")
    environment = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    first = edgesynth("probe", "m.onnx", "--grid", cwd=tmp_path, env=environment)
    assert first.returncode == 0, first.stderr
    (grid,) = (tmp_path / "cache/edgesynth/grids").iterdir()
    assert f"written: {grid}" in first.stdout and "depthwise 3x3 at 4x4: " in first.stdout
    again = edgesynth("probe", "m.onnx", "--grid", "--json", cwd=tmp_path, env=environment)
    document = json.loads(again.stdout)
    assert document["table"] == str(grid) and document["new_widths"] == 0
    assert document["measured_widths"] == document["wanted_widths"]
    assert "Softmax" in document["beside"] and len(document["layers"]) == 4


def test_the_ladder_is_refused_without_a_file_and_its_options_with_a_grid(edgesynth, tmp_path):
    separable(tmp_path / "m.onnx")
    done = edgesynth("probe", "m.onnx", cwd=tmp_path)
    assert done.returncode == 2 and "Missing option '-o' / '--output'" in done.stderr
    done = edgesynth("probe", "m.onnx", "--grid", "--input-widths", "3", cwd=tmp_path)
    assert done.returncode == 2 and "--input-widths is of the ladder of widths and not of --grid" in done.stderr


def test_a_grid_of_tensorrt_is_refused_in_one_line(edgesynth, tmp_path):
    separable(tmp_path / "m.onnx")
    done = edgesynth("probe", "m.onnx", "--grid", "--engine", "tensorrt", cwd=tmp_path)
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "--engine onnxruntime" in done.stderr
