"""Layers are chosen by given times of files that ONNX Runtime runs; what is written is looked at in the file."""

import onnx
import pytest
import torch
from torch import nn

from edgesynth.export.calibration import observe
from edgesynth.export.int8.calibration_choice import Source, quantize_best
from edgesynth.export.int8.dialects import OnnxRuntimeCpu
from edgesynth.export.int8.faster.choosing import choose_layers
from edgesynth.export.int8.faster.clock import Clock
from edgesynth.export.onnx.onnx_file import to_onnx
from edgesynth.export.onnx.runtime import run_onnx

SHAPE = (3, 8, 8)
CONVOLUTIONS = ["/0/Conv", "/2/Conv", "/4/Conv", "/6/Conv"]
FP32_MS = 1.0


class GivenClock(Clock):
    """Takes a network's time from the layers that its file has in INT8.

    Args:
        int8_ms: {layer: its time in INT8}; in fp32 each takes `FP32_MS`.
    """

    def __init__(self, int8_ms):
        super().__init__(SHAPE)
        self.int8_ms = int8_ms

    def _latencies_ms(self, files, windows):
        return [self.ms(path) for path in files]

    def ms(self, path):
        quantized = int8_layers(path)
        return sum(ms if layer in quantized else FP32_MS for layer, ms in self.int8_ms.items())


def int8_layers(path):
    """Names of the layers of a file whose weights and inputs are quantized."""
    model = onnx.load(str(path))
    dequantized = {name for node in model.graph.node if node.op_type == "DequantizeLinear" for name in node.output}
    return [node.name for node in model.graph.node if node.op_type == "Conv" and dequantized >= {*node.input[:2]}]


def loses_nothing(outputs):
    return 100.0


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    torch.manual_seed(0)
    layers = [[nn.Conv2d(width, 8, 3, padding=1), nn.ReLU()] for width in (3, 8, 8, 8)]
    path = tmp_path_factory.mktemp("plain") / "m.onnx"
    to_onnx(nn.Sequential(*(module for layer in layers for module in layer)), SHAPE, path)
    return path


@pytest.fixture
def chosen(plain, tmp_path):
    """Quantizes the network and chooses by times: (what is known of the file, the file, the file before the choice)."""

    def choose(times_ms, layers="faster", score=loses_nothing, max_loss=0.5, kept=()):
        images = torch.randn(16, *SHAPE, generator=torch.Generator().manual_seed(0))
        source = Source(plain, observe(plain, images), len(images), images, score, 100.0, kept=kept)
        path, dialect = tmp_path / "q.onnx", OnnxRuntimeCpu()
        calibrated = quantize_best(source, dialect, path, max_loss)
        before = path.read_bytes()
        clock = GivenClock(dict(zip(CONVOLUTIONS, times_ms, strict=True)))
        return choose_layers(source, dialect, path, calibrated, max_loss, clock, layers), path, before

    return choose


def test_layers_that_are_slower_in_int8_are_left_in_fp32(chosen, plain):
    speed, path, _ = chosen([2.0, 0.5, 0.5, 2.0])
    assert int8_layers(path) == CONVOLUTIONS[1:3] == list(speed.int8_layers)
    assert list(speed.fp32_layers) == [CONVOLUTIONS[0], CONVOLUTIONS[3]]
    assert (speed.fp32_ms, speed.int8_ms, speed.all_int8_ms) == (4.0, 3.0, 5.0)
    assert (speed.recommended, speed.loss_points) == ("int8-cpu", 0.0)
    images = torch.randn(4, *SHAPE)
    expected = run_onnx(plain, images)
    assert 0 < (run_onnx(path, images) - expected).abs().max() < 0.1 * expected.abs().max()
    constants = {item.name: item.data_type for item in onnx.load(str(path)).graph.initializer}
    weights = [node.input[1] for node in onnx.load(str(plain)).graph.node if node.op_type == "Conv"]
    assert [weight in constants for weight in weights] == [True, False, False, True]


def test_where_no_layer_gets_faster_all_stay_in_int8_and_fp32_is_recommended(chosen):
    speed, path, before = chosen([2.0] * 4)
    assert path.read_bytes() == before
    assert (list(speed.int8_layers), speed.fp32_layers) == (CONVOLUTIONS, ())
    assert (speed.fp32_ms, speed.int8_ms, speed.recommended) == (4.0, 8.0, "fp32")


def test_where_every_layer_gets_faster_all_are_int8(chosen):
    speed, path, before = chosen([0.5] * 4)
    assert path.read_bytes() == before
    assert (list(speed.int8_layers), speed.recommended) == (CONVOLUTIONS, "int8-cpu")


def test_all_layers_are_int8_whatever_it_costs_where_all_are_asked_for(chosen):
    speed, path, before = chosen([2.0, 0.5, 0.5, 2.0], layers="all")
    assert path.read_bytes() == before
    assert (list(speed.int8_layers), speed.asked_for) == (CONVOLUTIONS, "all")
    assert (speed.int8_ms, speed.all_int8_ms, speed.recommended) == (5.0, 5.0, "fp32")


def test_a_faster_choice_that_loses_too_much_is_not_taken(chosen):
    """With these layers alone in INT8 the metric falls, which no sum of losses would tell."""
    scores = iter([100.0] * 8 + [90.0])
    speed, path, before = chosen([2.0, 0.1, 0.1, 2.0], score=lambda _: next(scores))
    assert next(scores, None) is None
    assert path.read_bytes() == before
    assert (list(speed.int8_layers), speed.int8_ms, speed.loss_points) == (CONVOLUTIONS, 4.2, 0.0)


def test_a_layer_that_stays_in_floating_point_for_accuracy_is_no_choice_of_the_clock(chosen):
    speed, path, _ = chosen([0.1, 0.1, 2.0, 2.0], kept=("/0/Conv",))
    assert int8_layers(path) == ["/2/Conv"] == list(speed.int8_layers)
    assert list(speed.fp32_layers) == CONVOLUTIONS[2:]
