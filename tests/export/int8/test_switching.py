"""A layer that is switched back in a quantized model gives what quantizing without it gives."""

import onnx
import pytest
import torch
from torch import nn

from edgesynth.export.calibration import bounds_of, observe
from edgesynth.export.int8.accuracy_guard import layers_of
from edgesynth.export.int8.dialects import DIALECTS
from edgesynth.export.int8.int8 import quantize
from edgesynth.export.int8.switching import switched_back
from edgesynth.export.onnx.onnx_file import to_onnx
from edgesynth.export.onnx.runtime import run_onnx


class Residual(nn.Module):
    """A sum with the input, a gate, a pooling and a linear layer that ends the network."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.gate, self.last = nn.Conv2d(8, 8, 1), nn.Linear(8, 3)

    def forward(self, x):
        body = torch.relu(self.second(torch.relu(self.first(x))) + x)
        gate = torch.nn.functional.hardsigmoid(self.gate(body.mean((2, 3), keepdim=True)))
        return self.last(torch.max_pool2d(body * gate, 2).mean((2, 3)))


def decoder():
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, stride=2, padding=1),
        nn.ReLU6(),
        nn.ConvTranspose2d(8, 4, 2, 2),
        nn.ReLU(),
        nn.Conv2d(4, 2, 1),
    )


def clamped():
    """The images themselves go through an activation."""
    return nn.Sequential(nn.ReLU6(), nn.Conv2d(1, 6, 3), nn.ReLU(), nn.Conv2d(6, 2, 1))


@pytest.mark.parametrize("build", [Residual, decoder, clamped])
@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.key)
def test_a_layer_switched_back_gives_what_quantizing_without_it_gives(build, dialect, tmp_path):
    torch.manual_seed(0)
    images = torch.randn(32, 1, 8, 8)
    to_onnx(build().eval(), (1, 8, 8), tmp_path / "m.onnx")
    plain = onnx.load(str(tmp_path / "m.onnx"))
    bounds = bounds_of(observe(tmp_path / "m.onnx", images), "minmax")
    quantize(tmp_path / "m.onnx", dialect, bounds, tmp_path / "q.onnx")
    quantized = onnx.load(str(tmp_path / "q.onnx"))
    able = {node.name for node in plain.graph.node if dialect.quantizes(node)}
    layers = [name for name in layers_of(plain) if name in able]
    rounded = run_onnx(tmp_path / "q.onnx", images)
    for names in [*((layer,) for layer in layers), *(layers[:n] for n in range(2, len(layers)))]:
        quantize(tmp_path / "m.onnx", dialect, bounds, tmp_path / "anew.onnx", names)
        switched = switched_back(quantized, plain, names, able, dialect.rounds_outputs)
        onnx.save(switched, str(tmp_path / "switched.onnx"))
        outputs = run_onnx(tmp_path / "switched.onnx", images)
        assert torch.equal(outputs, run_onnx(tmp_path / "anew.onnx", images)), names
        assert not torch.equal(outputs, rounded), names
