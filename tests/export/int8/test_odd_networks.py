"""INT8 of networks that quantizers stumble over."""

import onnx
import pytest
import torch
from torch import nn

from edgesynth.errors import UserError
from edgesynth.export.calibration import bounds_of, observe
from edgesynth.export.int8.accuracy_guard import layers_of
from edgesynth.export.int8.calibration_choice import Source, quantize_best
from edgesynth.export.int8.dialects import DIALECTS, OnnxRuntimeCpu, TensorRT
from edgesynth.export.int8.int8 import quantize
from edgesynth.export.onnx.onnx_file import to_onnx
from edgesynth.export.onnx.runtime import run_onnx


class Patches(nn.Module):
    """One convolution, then linear layers on tokens, which are matrix products."""

    def __init__(self, first=True):
        super().__init__()
        self.first = nn.Conv2d(1, 6, 4, stride=4) if first else None
        self.mixing, self.last = nn.Linear(6 if first else 8, 6), nn.Linear(6, 3)

    def forward(self, x):
        tokens = self.first(x).flatten(2).transpose(1, 2) if self.first else x[:, 0]
        return self.last(torch.relu(self.mixing(tokens))).mean(1)


def written(network, shape, dialect, folder):
    """The quantized file's outputs on random images, and those of the plain file."""
    torch.manual_seed(0)
    images = torch.randn(32, *shape)
    to_onnx(network.eval(), shape, folder / "m.onnx")
    quantize(folder / "m.onnx", dialect, bounds_of(observe(folder / "m.onnx", images), "minmax"), folder / "q.onnx")
    return run_onnx(folder / "q.onnx", images), run_onnx(folder / "m.onnx", images)


def error(found, expected):
    return float((found - expected).norm() / expected.norm())


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda one: one.key)
def test_a_grouped_transposed_convolution_can_be_in_a_quantized_network(tmp_path, dialect):
    torch.manual_seed(1)
    network = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.ConvTranspose2d(16, 8, 2, 2, groups=2), nn.Conv2d(8, 3, 1)
    )
    assert error(*written(network, (1, 8, 8), dialect, tmp_path)) < 0.05


def test_an_average_that_rounds_its_size_up_is_computed_as_in_floating_point(tmp_path):
    torch.manual_seed(1)
    network = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2, ceil_mode=True), nn.Conv2d(8, 4, 1)
    )
    assert error(*written(network, (1, 17, 17), OnnxRuntimeCpu(), tmp_path)) < 0.05


class Rescaled(nn.Module):
    """A tensor between two products has a range that one of its channels fills."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(8, 3, 1)
        self.factor = nn.Parameter(torch.tensor([1e4, *[1.0] * 7]).reshape(1, 8, 1, 1))

    def forward(self, x):
        return self.last(torch.relu(torch.relu(self.first(x)) * self.factor) * (1 / self.factor))


def test_products_that_lose_everything_are_left_in_floating_point_and_the_layers_are_not(tmp_path):
    torch.manual_seed(1)
    source = source_of(Rescaled(), (1, 8, 8), tmp_path, lambda found, plain: 100 - 100 * error(found, plain))
    found = quantize_best(source, OnnxRuntimeCpu(), tmp_path / "q.onnx", 5.0)
    assert found.tried["minmax, int7"] < 60
    products = [node.name for node in onnx.load(str(source.model)).graph.node if node.op_type == "Mul"]
    assert sorted(found.guarded.floating) == sorted(products)
    assert found.guarded.loss < 5
    assert next(iter(found.guarded.sensitivity)) == "every Mul"
    assert {"/first/Conv", "/last/Conv"} < found.guarded.sensitivity.keys()


def test_what_the_cpu_computes_in_fp32_anyway_is_not_rounded_for_it(tmp_path):
    torch.manual_seed(1)
    network = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.ConvTranspose2d(8, 4, 2, 2), nn.Conv2d(4, 2, 1))
    written(network, (1, 8, 8), OnnxRuntimeCpu(), tmp_path)
    graph = onnx.load(str(tmp_path / "q.onnx")).graph
    (up,) = [node for node in graph.node if node.op_type == "ConvTranspose"]
    assert {"2.weight", "2.bias"} <= {item.name for item in graph.initializer} & {*up.input}


def source_of(network, shape, folder, score=None):
    torch.manual_seed(0)
    images = torch.randn(16, *shape)
    to_onnx(network.eval(), shape, folder / "m.onnx")
    plain = run_onnx(folder / "m.onnx", images)
    if score is not None:
        return Source(
            folder / "m.onnx",
            observe(folder / "m.onnx", images),
            16,
            images,
            lambda outputs: score(outputs, plain),
            score(plain, plain),
        )
    # Whatever is not the same bit for bit has lost everything: the guard takes all that it may take.
    judge = lambda outputs: 99.0 if torch.equal(outputs, plain) else 0.0  # noqa: E731
    return Source(folder / "m.onnx", observe(folder / "m.onnx", images), 16, images, judge, 99.0)


def test_a_single_layer_that_a_dialect_can_quantize_stays_so_beside_products_that_it_cannot(tmp_path):
    torch.manual_seed(1)
    source = source_of(Patches(), (1, 8, 8), tmp_path)
    found = quantize_best(source, TensorRT(), tmp_path / "q.onnx", 0.5)
    assert found.guarded.floating == ()
    assert any(node.op_type == "QuantizeLinear" for node in onnx.load(str(tmp_path / "q.onnx")).graph.node)
    found = quantize_best(source, OnnxRuntimeCpu(), tmp_path / "c.onnx", 0.5)
    layers = [name for name in layers_of(onnx.load(str(source.model))) if name not in found.guarded.floating]
    assert len(layers) == 1


def test_a_network_of_products_alone_is_refused_by_what_it_is(tmp_path):
    source = source_of(Patches(first=False), (1, 8, 8), tmp_path)
    with pytest.raises(UserError, match=r"^model.int8.onnx cannot be written: of this network no layer can be INT8"):
        quantize_best(source, TensorRT(), tmp_path / "q.onnx", 0.5)


class Skipping(nn.Module):
    """What the second convolution reads is read by a transposed convolution and a concatenation too."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.up, self.last = nn.ConvTranspose2d(8, 4, 1), nn.Conv2d(20, 3, 1)

    def forward(self, x):
        x = torch.relu(self.first(x))
        return self.last(torch.cat([x, torch.relu(self.second(x)), self.up(x)], 1))


@pytest.mark.parametrize("floating", [(), ("/second/Conv",), ("/first/Conv", "/last/Conv")], ids=str)
def test_what_stays_in_floating_point_reads_nothing_that_is_rounded(tmp_path, floating):
    images = torch.randn(8, 1, 8, 8)
    to_onnx(Skipping().eval(), (1, 8, 8), tmp_path / "m.onnx")
    bounds = bounds_of(observe(tmp_path / "m.onnx", images), "minmax")
    quantize(tmp_path / "m.onnx", TensorRT(), bounds, tmp_path / "q.onnx", floating)
    graph = onnx.load(str(tmp_path / "q.onnx")).graph
    rounded = {name for node in graph.node if node.op_type == "DequantizeLinear" for name in node.output}
    reading = {node.name for node in graph.node if node.op_type != "QuantizeLinear" and rounded & set(node.input)}
    assert reading == {"/first/Conv", "/second/Conv", "/last/Conv"} - set(floating)
