"""Times of this machine for a network that is no file yet."""

import pytest
import torch
from torch import nn

from edgesynth.anatomy import trace
from edgesynth.benchmark.probe.grid.settings import GridSettings
from edgesynth.evolution.budgets.layer_times import LayerTimes
from edgesynth.export.onnx.times import OnnxRuntimeClock

SHAPE = (3, 8, 8)
QUICK = GridSettings(each_s=0.001, passes=1)


def network():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 8, 1), nn.Flatten(), nn.Linear(128, 4)
    ).eval()


def test_what_is_missing_is_measured_once_and_the_network_s_latency_is_its_parts(tmp_path):
    grid = str(tmp_path / "g.json")
    model = network()
    clock = OnnxRuntimeClock(QUICK, grid)
    times, beside = clock.measure(model, SHAPE, 13)
    assert [one.op for one in beside] == ["Relu+MaxPool", "Flatten"]
    again, _ = clock.measure(model, SHAPE, 13)
    read, aside = clock.read(model, SHAPE, 13, grid)
    assert read.grid.to_json() == again.grid.to_json() and aside == beside
    assert again.grid.layers == times.grid.layers and again.grid.beside == times.grid.beside
    anatomy = trace(model, torch.zeros(1, *SHAPE))
    found = LayerTimes(anatomy, SHAPE, times, beside).predict(anatomy.census(), "fp32")
    assert found.latency_ms == pytest.approx(sum(one.latency_ms for one in found.layers) + times.call_ms)
    assert found.latency_ms > times.call_ms > 0
    assert [one.name for one in found.layers] == ["0", "3", "5", "Relu+MaxPool", "Flatten"]
