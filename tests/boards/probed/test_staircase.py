"""Staircases: on a synthetic one, whose stairs are known, the edges and times must be those."""

import json
import math

import pytest

from edgesynth.boards.probed import LayerShape, ProbeTable, Staircase, Step, linear_shape, read_table
from edgesynth.boards.table import find_board
from edgesynth.errors import UserError

CONV = LayerShape("conv", 64, 1, (28, 28), (3, 3), (1, 1), (1, 1), (1, 1, 1, 1))


def tiled(width, tile=32):
    """Time of a kernel that computes whole tiles of channels, ms."""
    return 0.1 * math.ceil(width / tile)


def staircase(widths, spread_ms=0.0, time=tiled, shape=CONV):
    return Staircase(shape, [Step(width, time(width), spread_ms) for width in widths])


def test_the_widths_worth_landing_on_are_the_right_edges_of_the_stairs():
    assert staircase(range(1, 129)).right_edges() == [32, 64, 96, 128]


def test_of_what_was_measured_the_widest_of_each_stair_is_its_edge():
    assert staircase([1, 30, 40, 60, 70, 128]).right_edges() == [30, 60, 70, 128]


def test_a_stair_no_higher_than_the_spread_is_none():
    assert staircase(range(1, 129), spread_ms=0.049).right_edges() == [32, 64, 96, 128]
    # Four stairs of 0.1 ms, and two medians that may each be 0.1 ms off: only every third stands out.
    assert staircase(range(1, 129), spread_ms=0.1).right_edges() == [32, 128]


def test_a_narrower_layer_that_is_slower_is_not_worth_landing_on():
    # As on tensor cores: widths that are no multiple of 8 take another, slower kernel.
    def aligned(width):
        return 0.01 * width * (1 if width % 8 == 0 else 2)

    assert staircase([48, 50, 56, 60, 64], time=aligned).right_edges() == [48, 56, 64]


def test_where_every_channel_saves_time_every_width_is_worth_it():
    assert staircase([1, 2, 3, 4], time=float).right_edges() == [1, 2, 3, 4]


def test_between_two_widths_time_is_on_their_line_and_beyond_them_unknown():
    stairs = staircase([16, 32, 64])
    assert stairs.ms(32) == pytest.approx(0.1) and stairs.ms(48) == pytest.approx(0.15)
    assert stairs.ms(15) is None and stairs.ms(65) is None
    assert Staircase(CONV).ms(1) is None and Staircase(CONV).right_edges() == []


def table_of(*stairs, **facts):
    plain = {
        "schema": 1,
        "kind": "probe",
        "machine": {"cpu": "ARMv8"},
        "board": "tx2",
        "engine": {"name": "tensorrt", "version": "8.2.1.8"},
        "precision": "fp16",
        "batch": 1,
        "power_mode": "MAXN",
        "settings": {},
        "models": ["bundle"],
        "call_ms": 0.25,
        "flags": [],
    }
    table = ProbeTable(dict(plain, **facts))
    for one in stairs:
        table.staircases[one.shape] = one
    return table


def test_input_channels_are_interpolated_between_measured_ones_and_never_beyond():
    def narrow(width):
        return tiled(width) / 2

    half = CONV._replace(inputs=32)
    table = table_of(staircase([1, 64]), staircase([1, 64], time=narrow, shape=half))
    assert table.latency_ms(CONV, 64) == pytest.approx(0.2)
    assert table.latency_ms(CONV._replace(inputs=48), 64) == pytest.approx(0.15)
    assert table.latency_ms(CONV._replace(inputs=31), 64) is None
    assert table.latency_ms(CONV._replace(inputs=65), 64) is None
    assert table.latency_ms(CONV._replace(size=(14, 14)), 64) is None
    assert table.latency_ms(CONV._replace(strides=(2, 2)), 64) is None
    assert table.latency_ms(None, 64) is None


def test_of_two_inputs_that_reach_a_width_only_one_the_other_does_not_speak():
    near = staircase([1, 16], shape=CONV._replace(inputs=48))
    far = staircase([1, 64], shape=CONV._replace(inputs=16), time=lambda width: 0.0)
    table = table_of(staircase([1, 64]), near, far)
    assert table.latency_ms(CONV._replace(inputs=40), 64) == pytest.approx(0.1)


def test_landing_widths_of_input_channels_between_are_those_of_the_nearest():
    table = table_of(staircase(range(1, 65)), staircase([8, 16], time=float, shape=CONV._replace(inputs=8)))
    assert table.landing_widths(CONV) == table.landing_widths(CONV._replace(inputs=50)) == [32, 64]
    assert table.landing_widths(CONV._replace(inputs=9)) == [8, 16]
    assert table.landing_widths(linear_shape(64)) == []


def test_a_table_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "t.json"
    path.write_text(json.dumps(table_of(staircase([1, 40]), staircase([10], shape=linear_shape(512))).to_json()))
    table = read_table(str(path))
    assert table.latency_ms(CONV, 40) == pytest.approx(0.2)
    assert table.latency_ms(linear_shape(512), 10) == pytest.approx(0.1)
    assert (table.board, table.precision, table.batch, table.call_ms) == ("tx2", "fp16", 1, 0.25)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"kind": "benchmark"}, "is not a table of `edgesynth probe`"),
        ({"schema": 2}, "has schema 2 and this edgesynth reads up to 1"),
        ({"call_ms": -1}, "is damaged"),
        ({"engine": {}}, "is damaged"),
        ({"flags": 1}, "is damaged"),
        ({"models": [{}]}, "is damaged"),
        ({"staircases": [{"shape": {"op": "conv"}, "steps": []}]}, "is damaged"),
        ({"staircases": [{"shape": CONV._replace(op="pool").to_json(), "steps": []}]}, "is damaged"),
        ({"staircases": [{"shape": CONV.to_json(), "steps": [{"width": 0, "ms": 1, "spread_ms": 0}]}]}, "is damaged"),
        (
            {"staircases": [{"shape": CONV.to_json(), "steps": [{"width": 1, "ms": float("nan"), "spread_ms": 0}]}]},
            "NaN is no number of JSON",
        ),
        ({"staircases": {"a": 1}}, "is damaged"),
    ],
)
def test_a_file_that_is_no_table_is_refused_in_one_line(tmp_path, change, why):
    path = tmp_path / "t.json"
    path.write_text(json.dumps(dict(table_of().to_json(), **change)))
    with pytest.raises(UserError, match=why) as error:
        read_table(str(path))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"board": "nano"}, "measured on nano and does not hold for Jetson TX2"),
        ({"board": None}, "measured on ARMv8 and does not hold for Jetson TX2"),
        ({"engine": {"name": "onnxruntime", "version": "1"}}, "of the engine onnxruntime"),
        ({"power_mode": "MAXQ"}, "of power mode MAXQ and does not hold for MAXN: give --mode MAXQ"),
        ({"precision": "fp32"}, "of precision fp32 and does not hold for fp16"),
        ({"batch": 8}, "of batch 8 and does not hold for 1: give --batch 8"),
    ],
)
def test_a_table_speaks_only_of_what_was_measured(facts, why):
    tx2 = find_board("tx2")
    table_of().check_for(tx2, tx2.mode("maxn"), "fp16", 1)
    with pytest.raises(UserError, match=why):
        table_of(**facts).check_for(tx2, tx2.mode("maxn"), "fp16", 1)
