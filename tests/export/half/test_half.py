"""FP16 as a device computes it: what overflows or vanishes is found, stays in FP32, and is reported."""

import numpy as np
import onnx
import pytest
import torch
import torch.nn.functional as F
from onnx import TensorProto
from onnx.reference import ReferenceEvaluator
from torch import nn

from edgesynth.export.calibration import observe
from edgesynth.export.half.beyond_half import beyond_half
from edgesynth.export.half.half import to_half
from edgesynth.export.half.half_search import write_half
from edgesynth.export.onnx.onnx_file import to_onnx
from edgesynth.export.onnx.runtime import run_onnx

SHAPE, CLASSES = (3, 8, 8), 3


class Net(nn.Module):
    """A convolution, something in the middle, a convolution, an average and a linear layer."""

    def __init__(self, middle):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Conv2d(3, 12, 3, padding=1), nn.Conv2d(12, 8, 3, padding=1)
        self.middle, self.last = middle, nn.Linear(8, CLASSES)

    def forward(self, x):
        x = F.relu(self.second(self.middle(F.relu(self.first(x)))))
        return self.last(x.mean((2, 3)))


def length_of_all(x):
    """Squares over a whole map: for images of 0 to 255 their sum is far beyond 65,504."""
    return 8 * x / (x.pow(2).sum((1, 2, 3), keepdim=True).sqrt() + 1e-6)


def norm_of_all(x):
    """The same as one operator, which sums within."""
    return 8 * x / x.flatten(1).norm(dim=1)[:, None, None, None]


def tiny_squares(x):
    """Squares that all vanish, and a quotient by an epsilon that vanishes too."""
    y = 1e-5 * x
    return 10 * y / (y.pow(2).sum((1, 2, 3), keepdim=True).sqrt() + 1e-12)


def canceled(x):
    """The last bits of large numbers."""
    large = 0 * x + 2000
    return (x + large) - large


def average_of_many(x):
    return x * (4 * x).mean((1, 2, 3), keepdim=True) / 100


def instance_norm(x):
    return F.instance_norm(300 * x)


def epsilon_alone(x):
    """Nothing but zeros in half of the channels: 0 / 0 once the epsilon is gone."""
    return F.normalize(torch.cat([x[:, :6], 0 * x[:, 6:]], 1).flatten(2), dim=2).view_as(x)


@pytest.fixture
def form(tmp_path):
    """(model.onnx, the path of its FP16 form, images of 0 to `scale`, what calibration saw) of a middle."""

    def make(middle, scale=1.0):
        network = Net(middle).eval()
        to_onnx(network, SHAPE, tmp_path / "model.onnx")
        images = scale * torch.rand(64, *SHAPE, generator=torch.Generator().manual_seed(1))
        return tmp_path / "model.onnx", tmp_path / "half.onnx", images, observe(tmp_path / "model.onnx", images)

    return make


def in_true_half(path, images):
    """Outputs (N, CLASSES) of onnx's own evaluator, whose numpy computes each operator in the file's types."""
    with np.errstate(all="ignore"):
        return torch.from_numpy(ReferenceEvaluator(str(path)).run(None, {"images": images.numpy()})[0])


def error(outputs, reference):
    return float((outputs - reference).abs().max() / reference.abs().max())


MIDDLES = [
    (length_of_all, 255, {"ReduceSum": "values to", "Sqrt": "values to"}),
    (norm_of_all, 255, {"ReduceL2": "a sum of"}),
    (tiny_squares, 1, {"Pow": "in FP16", "ReduceSum": "in FP16", "Add": "a constant of 1e-12", "Div": "a constant of"}),
    (canceled, 1, {"Sub": "in FP16"}),
    (average_of_many, 255, {"ReduceMean": "a sum of"}),
    (instance_norm, 1, {"InstanceNormalization": "a sum of"}),
    (epsilon_alone, 1, {"Clip": "a constant of 1e-12", "Expand": "a constant of", "Div": "a constant of 1e-12"}),
]


@pytest.mark.parametrize("middle, scale, reasons", MIDDLES, ids=lambda value: getattr(value, "__name__", None))
def test_what_fp16_cannot_hold_stays_in_fp32_and_the_file_is_right_in_true_fp16(middle, scale, reasons, form):
    model, path, images, seen = form(middle, scale)
    kept = write_half(model, path, seen, images)
    told = {}
    for layer in kept:
        told.setdefault(layer.op, layer.why)
    assert {op: reason in told.get(op, "") for op, reason in reasons.items()} == dict.fromkeys(reasons, True), kept
    assert not {layer.op for layer in kept} & {"Conv", "Gemm", "Relu"}
    reference = run_onnx(model, images)
    assert error(in_true_half(path, images), reference) < 5e-3
    assert error(run_onnx(path, images, half_storage=True), reference) < 5e-3


def test_a_bound_that_nothing_reaches_keeps_no_layer(form):
    model, path, images, seen = form(lambda x: x.clamp(min=0.0, max=1e9))
    assert any(node.op_type == "Clip" for node in onnx.load(str(model)).graph.node)
    assert write_half(model, path, seen, images) == []


@pytest.mark.parametrize("middle, scale", [(length_of_all, 255), (canceled, 1), (tiny_squares, 1), (nn.Identity(), 1)])
def test_a_file_in_which_nothing_was_kept_is_judged_as_true_fp16_judges_it(middle, scale, form):
    model, path, images, _ = form(middle, scale)
    to_half(model, path)
    reference, true = run_onnx(model, images), in_true_half(path, images)
    found = run_onnx(path, images, half_storage=True)
    assert torch.isfinite(found).equal(torch.isfinite(true))
    if torch.isfinite(true).all():
        assert error(found, true) < 5e-3
        assert (error(true, reference) > 0.1) == (not isinstance(middle, nn.Module))
    # What this processor computes of the file is FP32, and shows nothing of it.
    assert error(run_onnx(path, images), reference) < 0.1


def test_a_plain_network_keeps_nothing(form):
    model, path, images, seen = form(nn.Identity())
    assert write_half(model, path, seen, images) == []
    half = onnx.load(str(path))
    assert [node.op_type for node in half.graph.node if node.op_type == "Cast"] == ["Cast"] * 2
    assert {item.data_type for item in half.graph.initializer} == {TensorProto.FLOAT16}


def test_two_layers_in_fp32_hand_each_other_what_they_computed(form):
    model, path, images, seen = form(length_of_all, 600)
    write_half(model, path, seen, images)
    half = onnx.load(str(path))
    kinds = {node.output[0]: node for node in half.graph.node}
    (root,) = [node for node in half.graph.node if node.op_type == "Sqrt"]
    total = kinds[root.input[0]]
    squares = kinds[total.input[0]]
    assert (total.op_type, squares.op_type) == ("ReduceSum", "Pow")
    assert sum(node.op_type == "Cast" for node in half.graph.node) == 4


def test_an_input_beyond_fp16_is_read_in_fp32(form):
    model, path, images, seen = form(nn.Identity(), 3e5)
    kept = write_half(model, path, seen, images)
    assert kept[0].op == "Conv" and "values to" in kept[0].why
    assert error(run_onnx(path, images, half_storage=True), run_onnx(model, images)) < 5e-3


def test_values_that_unseen_images_may_take_beyond_are_kept_already(form):
    model, _, _, seen = form(lambda x: x * 1.0)
    plain = onnx.load(str(model))
    (scaled,) = [node for node in plain.graph.node if node.op_type == "Conv"][:1]
    for high, layers in ((32_000.0, 0), (33_000.0, 2)):
        seen[scaled.output[0]].high = high
        assert len(beyond_half(plain, seen)) == layers
    assert [layer.why for layer in beyond_half(plain, seen)] == ["values to 33,000"] * 2
