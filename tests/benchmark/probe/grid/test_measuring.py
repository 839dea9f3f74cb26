"""A grid of real models on ONNX Runtime: what is written, what is measured again, and what is refused."""

import json

import pytest

from edgesynth.benchmark.bundle.bundle import open_target
from edgesynth.benchmark.probe.grid.cache import folder, path_of
from edgesynth.benchmark.probe.grid.measuring import probe_grid
from edgesynth.benchmark.probe.grid.parts import parts_of
from edgesynth.benchmark.probe.grid.settings import GridSettings
from edgesynth.benchmark.probe.onnx_graph import read_graph
from edgesynth.boards.probed.grid import read_grid
from edgesynth.errors import UserError
from edgesynth.files.json_file import sealed

from .networks import residual, separable

QUICK = GridSettings(each_s=0.001, passes=1)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize("make", [residual, separable])
def test_every_layer_and_every_operator_of_the_model_is_in_the_grid(make, tmp_path):
    path = make(tmp_path / "m.onnx")
    found = probe_grid(open_target(path), settings=QUICK)
    assert found.new == found.wanted > 0 and found.left == 0
    grid, parts = read_grid(found.path), parts_of(read_graph(path))
    assert all(grid.layers[shape][inputs, outputs] >= 0 for shape, inputs, outputs in parts.places)
    assert all(grid.beside[op][elements] >= 0 for op, elements in parts.beside)
    assert grid.call_ms > 0 and grid.facts["models"] == ["m.onnx"] and len(grid.facts["loads"]) == 1


def test_a_second_probe_measures_nothing_and_another_model_only_what_is_missing(tmp_path):
    one, other = residual(tmp_path / "one.onnx"), separable(tmp_path / "other.onnx")
    first = probe_grid(open_target(one), settings=QUICK)
    before = read_grid(first.path).layers
    again = probe_grid(open_target(one), settings=QUICK)
    assert (again.path, again.new, again.left) == (first.path, 0, 0)
    assert read_grid(first.path).layers == before
    more = probe_grid(open_target(other), settings=QUICK)
    after = read_grid(first.path)
    assert more.path == first.path and more.new == more.wanted
    for shape, points in before.items():
        assert {place: after.layers[shape][place] for place in points} == points
    assert after.facts["models"] == ["one.onnx", "other.onnx"]


def test_a_stopped_probe_says_what_is_left_and_goes_on(tmp_path):
    path = residual(tmp_path / "m.onnx")
    first = probe_grid(open_target(path), settings=QUICK._replace(duration_s=1e-6))
    assert first.new == 0 and first.left == first.wanted
    second = probe_grid(open_target(path), settings=QUICK)
    assert second.new == second.wanted


def test_the_file_is_one_of_the_user_s_cache_for_each_engine_threads_and_batch(cache):
    engine = {"name": "onnxruntime", "version": "1.31.1"}
    assert folder() == str(cache / "edgesynth" / "grids")
    paths = {
        path_of(engine, QUICK),
        path_of(engine, QUICK._replace(threads=2)),
        path_of(engine, QUICK._replace(batch=4)),
        path_of(engine, QUICK._replace(precision="int8")),
        path_of(dict(engine, version="1.32.0"), QUICK),
    }
    assert len(paths) == 5 and path_of(engine, QUICK._replace(each_s=1.0)) in paths


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"threads": 3}, "holds a grid of threads 3 and this one is of 1; choose another -o"),
        ({"batch": 4}, "of batch 4"),
        ({"precision": "int8"}, "of precision int8"),
        ({"board": "tx2"}, "of board tx2"),
        ({"engine": {"name": "onnxruntime", "version": "0.1"}}, "of version 0.1"),
        ({"kind": "probe"}, "is not a grid"),
    ],
)
def test_a_grid_of_something_else_is_neither_added_to_nor_touched(tmp_path, change, why):
    path, output = residual(tmp_path / "m.onnx"), tmp_path / "g.json"
    probe_grid(open_target(path), str(output), settings=QUICK._replace(duration_s=1e-6))
    plain = json.loads(output.read_text())
    plain.pop("sha256")
    output.write_text(json.dumps(sealed(dict(plain, **change))))
    before = output.read_bytes()
    with pytest.raises(UserError, match=why):
        probe_grid(open_target(path), str(output), settings=QUICK)
    assert output.read_bytes() == before


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"duration_s": 0}, "--duration-s is 0"),
        ({"batch": 0}, "--batch is 0"),
        ({"threads": 1000}, "--threads is 1000"),
    ],
)
def test_settings_out_of_range_are_refused_before_anything_is_written(tmp_path, cache, settings, why):
    with pytest.raises(UserError, match=why):
        probe_grid(open_target(residual(tmp_path / "m.onnx")), settings=QUICK._replace(**settings))
    assert not cache.exists()


def test_an_engine_or_a_precision_that_a_grid_is_not_of_is_refused(tmp_path):
    target = open_target(residual(tmp_path / "m.onnx"))
    with pytest.raises(UserError, match="--grid cannot be measured with TensorRT"):
        probe_grid(target, engine="tensorrt", settings=QUICK)
    with pytest.raises(UserError, match="onnxruntime cannot be probed at 'int8'; choose from: fp32"):
        probe_grid(target, precision="int8", settings=QUICK)
