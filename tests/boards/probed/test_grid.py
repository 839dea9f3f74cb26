"""The file of a grid: read as it was written, and refused in one line where it is none."""

import json

import pytest

from edgesynth.boards.probed import LayerShape, linear_shape
from edgesynth.boards.probed.grid import Beside, Grid, Place, kind_name, place_of, read_grid
from edgesynth.errors import UserError
from edgesynth.files.json_file import sealed

CONV = LayerShape("conv", 1, 1, (8, 8), (3, 3), (1, 1), (1, 1), (1, 1, 1, 1))
DEPTHWISE = CONV._replace(op="depthwise")


def grid_of(**facts):
    plain = {
        "schema": 1,
        "kind": "grid",
        "machine": {"cpu": "a CPU", "architecture": "x86_64", "power_mode": None},
        "board": None,
        "engine": {"name": "onnxruntime", "version": "1.0"},
        "precision": "fp32",
        "threads": 1,
        "batch": 1,
        "models": ["bundle"],
        "loads": [0.5],
        "duration_s": 2.0,
        "call_ms": 0.005,
        "flags": [],
    }
    return Grid(dict(plain, **facts))


def test_the_place_of_a_layer_counts_the_channels_of_all_groups():
    assert place_of(CONV._replace(inputs=3, groups=4), 8) == Place(CONV._replace(groups=4), 12, 8)
    assert place_of(DEPTHWISE, 32) == Place(DEPTHWISE, 1, 32)
    assert place_of(linear_shape(64), 10) == Place(linear_shape(1), 64, 10)


def test_a_kind_of_layer_is_named_without_the_width_that_it_does_not_have():
    assert kind_name(CONV._replace(inputs=64, strides=(2, 2))) == "conv 3x3 at 8x8, stride 2"
    assert kind_name(linear_shape(64)) == "linear" and kind_name(DEPTHWISE) == "depthwise 3x3 at 8x8"
    assert kind_name(CONV._replace(groups=4)) == "conv 3x3 at 8x8, 4 groups"


def test_of_two_times_of_the_same_the_shorter_one_counts():
    grid = grid_of()
    for ms in (0.3, 0.2, 0.4):
        grid.add(CONV._replace(inputs=7), 16, 32, ms)
        grid.add_beside(Beside("Add", 100), ms)
    assert grid.layers == {CONV: {(16, 32): 0.2}} and grid.beside == {"Add": {100: 0.2}}


def test_a_grid_is_read_as_it_was_written(tmp_path):
    grid = grid_of()
    grid.add(CONV, 16, 32, 0.25)
    grid.add(DEPTHWISE, 1, 8, 0.5)
    grid.add_beside(Beside("Add+Relu after Slice", 300), 0.125)
    path = tmp_path / "g.json"
    path.write_text(json.dumps(sealed(grid.to_json())))
    found = read_grid(str(path))
    assert (found.layers, found.beside, found.call_ms) == (grid.layers, grid.beside, 0.005)
    assert found.facts == grid.facts


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"kind": "probe"}, "is not a grid of `edgesynth probe --grid`"),
        ({"schema": 2}, "has schema 2 and this edgesynth reads up to 1"),
        ({"call_ms": -1}, "is damaged"),
        ({"engine": "x"}, "is damaged"),
        ({"threads": "1"}, "is damaged"),
        ({"loads": ["high"]}, "is damaged"),
        ({"layers": [{"shape": CONV.to_json(), "points": [[0, 1, 1.0]]}]}, "a count is 0"),
        ({"layers": [{"shape": CONV.to_json(), "points": [[1, 1, -1.0]]}]}, "a time is -1.0"),
        ({"layers": [{"shape": {}, "points": []}]}, "a shape has the fields"),
        ({"beside": {"Add": [[1]]}}, "is damaged"),
        ({"beside": []}, "is damaged"),
    ],
)
def test_a_file_that_is_no_grid_is_refused_in_one_line(tmp_path, change, why):
    path = tmp_path / "g.json"
    path.write_text(json.dumps(sealed(dict(grid_of().to_json(), **change))))
    with pytest.raises(UserError, match=why) as error:
        read_grid(str(path))
    assert "\n" not in str(error.value)


def test_a_changed_time_does_not_go_unnoticed(tmp_path):
    path = tmp_path / "g.json"
    path.write_text(json.dumps(dict(sealed(grid_of().to_json()), call_ms=0.006)))
    with pytest.raises(UserError, match="delete it and probe again"):
        read_grid(str(path))
