"""Predictions: by hand where the roofline can be followed by hand, and honest about what is not known."""

import json
import subprocess
import sys

import pytest

from edgesynth.errors import UserError
from edgesynth.planning.cost import Layer, from_census, predict, predict_layers, product
from edgesynth.planning.cost.fitted import CONSUMPTION, EFFICIENCY
from edgesynth.planning.cost.roofline import Machine, seconds

from .sketch import Graph

MACHINE = Machine(ops_per_s=1e12, fp32_ops_per_s=5e11, bytes_per_s=5e10, bytes_per_value=2)


def test_a_wide_linear_layer_waits_for_its_weights_which_a_batch_shares():
    layer = product("fc", (4096, 9216), rows=1)
    one, four = (seconds(layer, batch, MACHINE, EFFICIENCY) for batch in (1, 4))
    moved = 2 * (4096 * 9216 + 9216 + 4096)
    assert one.memory == pytest.approx(moved / (5e10 * EFFICIENCY.memory))
    assert one.total == pytest.approx(one.memory + EFFICIENCY.kernel_us * 1e-6)
    assert four.memory < 1.01 * one.memory and four.compute == pytest.approx(4 * one.compute)


def test_a_large_convolution_waits_for_its_arithmetic():
    layer = product("conv", (256, 256, 3, 3), rows=56 * 56)
    time = seconds(layer, 8, MACHINE, EFFICIENCY)
    assert (
        time.compute == pytest.approx(2 * 8 * layer.macs / (1e12 * EFFICIENCY.winograd)) and time.compute > time.memory
    )


def test_one_position_or_channel_more_than_a_tile_costs_another_tile():
    def compute(rows, columns):
        return seconds(product("1x1", (columns, 512, 1, 1), rows), 1, MACHINE, EFFICIENCY).compute

    assert compute(129, 32) == pytest.approx(2 * compute(128, 32)) == pytest.approx(compute(256, 32))
    assert compute(128, 33) == pytest.approx(2 * compute(128, 32))


def test_a_depthwise_convolution_gains_nothing_at_fp16():
    layer = product("dw", (64, 1, 3, 3), rows=196, groups=64)
    halved = MACHINE._replace(ops_per_s=5e11)
    assert seconds(layer, 1, MACHINE, EFFICIENCY).compute == seconds(layer, 1, halved, EFFICIENCY).compute


def resnet_like(width=64, blocks=4):
    return [product(f"conv{index}", (width, width, 3, 3), rows=28 * 28) for index in range(blocks)]


def test_the_parts_of_a_prediction_add_up():
    found = predict_layers(resnet_like(), "tx2", batch=4)
    assert found.latency_ms == pytest.approx(sum(layer.latency_ms for layer in found.layers) + EFFICIENCY.call_ms)
    assert found.images_per_s == pytest.approx(4e3 / found.latency_ms)
    assert found.watts is not None
    assert found.energy_mj_per_image == pytest.approx(found.watts * found.latency_ms / 4)
    assert found.mode == "MAXN" and found.precision == "fp16" and 0.05 < found.error < 0.25


def test_what_binds_is_named():
    assert predict_layers(resnet_like(512, 2), "tx2", batch=16).bound_by == "compute"
    assert predict_layers([product("fc", (4096, 9216), 1)] * 3, "tx2").bound_by == "memory"
    assert predict_layers(resnet_like(8, 50), "tx2").bound_by == "launch"


def test_slower_modes_and_wider_types_cost_time_and_lower_clocks_save_energy():
    fast, slow = (predict_layers(resnet_like(256), "tx2", batch=8, mode=mode) for mode in ("MAXN", "maxq"))
    assert slow.latency_ms > 1.2 * fast.latency_ms and slow.watts < 0.6 * fast.watts
    assert slow.energy_mj_per_image < fast.energy_mj_per_image
    assert predict_layers(resnet_like(256), "tx2", "fp32", 8).latency_ms > 1.5 * fast.latency_ms
    assert predict_layers(resnet_like(256), "nano", batch=8).latency_ms > 2 * fast.latency_ms


def test_power_at_rest_is_the_idle_power():
    nothing = Layer("copy", "copy", reads=0, writes=0)
    assert predict_layers([nothing], "tx2").watts == pytest.approx(CONSUMPTION.idle_w)


def test_int8_without_int8_units_is_fp32_and_says_so():
    asked, fp32 = (predict_layers(resnet_like(), "tx1", precision) for precision in ("int8", "fp32"))
    assert asked.latency_ms == fp32.latency_ms and asked.precision == "int8" and asked.error is None
    assert any("no INT8 units: predicted as fp32" in note for note in asked.notes)
    assert predict_layers(resnet_like(512), "orin", "int8", 8).latency_ms < (
        predict_layers(resnet_like(512), "orin", "fp16", 8).latency_ms
    )


def test_a_board_that_nothing_has_checked_gets_no_error_and_no_energy():
    found = predict_layers(resnet_like(), "orin")
    assert found.error is found.energy_error is found.watts is found.energy_mj_per_image is None
    assert any("an extrapolation" in note for note in found.notes) and "energy not predicted" in found.summary()


def test_every_form_of_a_prediction_says_predicted(tmp_path):
    graph = Graph((3, 32, 32))
    path = graph.save(tmp_path / "m.onnx", graph.node("Relu", graph.conv("images", 3, 16)))
    found = predict(path, "tx2")
    assert found.summary().startswith("predicted: ") and "median error 16%" in found.summary()
    assert json.loads(json.dumps(found.to_json()))["source"] == "predicted"


def test_mostly_depthwise_networks_come_with_a_warning():
    layers = [product("dw", (512, 1, 3, 3), rows=196, groups=512)] * 5
    assert any("depthwise convolutions take" in note for note in predict_layers(layers, "tx2").notes)
    assert not any("depthwise" in note for note in predict_layers(resnet_like(), "tx2").notes)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"board": "tx3"}, "there is no board 'tx3'; choose from"),
        ({"board": "this-gpu"}, "there is no board 'this-gpu'"),
        ({"precision": "int4"}, "precision is 'int4'; choose from: fp32, fp16, int8"),
        ({"batch": 0}, "batch is 0; it must be whole and at least 1"),
        ({"batch": 1.5}, "batch is 1.5"),
        ({"batch": True}, "batch is True"),
        ({"mode": "turbo"}, "no power mode 'turbo'; choose from: MAXN"),
        ({"board": "tx2-nx"}, "no source gives its clocks; measure on the board"),
        ({"board": "xavier", "mode": "MODE_15W"}, "no source gives its clocks; choose from: MAXN"),
        ({"layers": []}, "there is no layer to predict"),
    ],
)
def test_bad_input_is_refused_with_what_is_allowed(options, message):
    with pytest.raises(UserError, match=message):
        predict_layers(**{"layers": resnet_like(), "board": "tx2", **options})


@pytest.mark.parametrize("bad", [{"reads": -1}, {"macs": 0.5}, {"rows": 0}, {"kind": "magic"}])
def test_a_layer_that_cannot_be_is_refused(bad):
    with pytest.raises(UserError, match="layer one"):
        Layer(**{"name": "one", "kind": "convolution", "reads": 1, "writes": 1, **bad})


def test_a_census_is_costed_as_the_file_of_the_same_network(tmp_path):
    graph = Graph((1, 28, 28))
    x = graph.node("Relu", graph.conv("images", 1, 16))
    for _ in range(3):
        x = graph.node("Relu", graph.conv(graph.node("Relu", graph.conv(x, 16, 16, group=16)), 16, 16, kernel=1))
    path = graph.save(tmp_path / "m.onnx", x)
    positions = 28 * 28
    rows = [("stem", (16, 1, 3, 3), 144 * positions)]
    rows += [("dw", (16, 1, 3, 3), 144 * positions), ("pw", (16, 16, 1, 1), 256 * positions)] * 3
    by_file, by_census = predict(path, "tx1"), predict_layers(from_census(rows), "tx1")
    assert [layer.kind for layer in by_census.layers] == [layer.kind for layer in by_file.layers]
    assert by_census.latency_ms == pytest.approx(by_file.latency_ms)


@pytest.mark.parametrize("row", [("a", (4, 4), 17), ("a", (4,), 4), ("a", (4, 4), 0)])
def test_a_census_that_does_not_add_up_is_refused(row):
    with pytest.raises(UserError, match="they must be a multiple of its size"):
        from_census([row])


def test_the_model_loads_nothing_that_a_board_lacks():
    code = "import sys, edgesynth.planning.cost; print(sorted({'torch', 'onnx', 'numpy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
