"""Convolutions that a builder cannot compute in INT8: the plan names them, and our Q/DQ file leaves them out."""

import onnx
import pytest
import torch
from torch import nn

from edgesynth.boards.table import find_board
from edgesynth.export.calibration import bounds_of, observe
from edgesynth.export.int8.calibration_choice import Source, quantize_best
from edgesynth.export.int8.dialects import OnnxRuntimeCpu, TensorRT
from edgesynth.export.int8.int8 import quantize
from edgesynth.export.onnx.onnx_file import to_onnx
from edgesynth.planning.plan.plan import make_plan, read_forms

SHAPE = (4, 8, 8)


class Limited(nn.Module):
    """A depthwise convolution into a sum, one of six channels, a grouped one of two channels each, and dense ones."""

    def __init__(self):
        super().__init__()
        self.stem, self.added = nn.Conv2d(4, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.narrow, self.odd = nn.Conv2d(8, 6, 1), nn.Conv2d(6, 6, 3, padding=1, groups=6)
        self.wide, self.grouped = nn.Conv2d(6, 16, 1), nn.Conv2d(16, 16, 3, padding=1, groups=8)
        self.head = nn.Linear(16, 3)

    def forward(self, images):
        values = self.stem(images).relu()
        values = (values + self.added(values)).relu()
        values = self.odd(self.narrow(values).relu()).relu()
        return self.head(self.grouped(self.wide(values).relu()).relu().mean((2, 3)))


class Unlimited(TensorRT):
    """What another tool would write."""

    def beyond(self, model):
        return {}


@pytest.fixture
def plain(tmp_path):
    torch.manual_seed(0)
    to_onnx(Limited().eval(), SHAPE, tmp_path / "model.onnx")
    return tmp_path / "model.onnx"


@pytest.fixture
def images():
    return torch.randn(16, *SHAPE, generator=torch.Generator().manual_seed(0))


def quantized_with(dialect, plain, images):
    path = plain.with_name(dialect.file)
    quantize(plain, dialect, bounds_of(observe(plain, images), "minmax"), path)
    return path


def plan(path, board, version):
    found = make_plan(read_forms({"int8": str(path)}), find_board(board), version)
    return found, next(build for build in found.builds if build.precision == "int8")


def quantized_convolutions(path):
    nodes = onnx.load(str(path)).graph.node
    rounded = {name for node in nodes if node.op_type == "DequantizeLinear" for name in node.output}
    return {node.name for node in nodes if node.op_type == "Conv" and {*node.input[:2]} <= rounded}


@pytest.mark.parametrize(
    ("board", "version", "layers"),
    [
        ("xavier", "8.2", {"/added/Conv", "/odd/Conv", "/grouped/Conv"}),
        ("xavier", "8.4", {"/added/Conv", "/odd/Conv", "/grouped/Conv"}),
        ("xavier", "8.5", {"/added/Conv", "/grouped/Conv"}),
        ("agx-orin", "8.6", {"/added/Conv", "/grouped/Conv"}),
        ("agx-orin", "10.3", {"/grouped/Conv"}),
    ],
)
def test_a_plan_names_what_parses_and_does_not_build(board, version, layers, plain, images):
    found, int8 = plan(quantized_with(Unlimited(), plain, images), board, version)
    (file,) = found.files
    assert file.is_parsed and {name for finding in file.unbuilt for name in finding.nodes} == layers
    assert not int8.will_build
    assert int8.problem.startswith(f"TensorRT {version} parses model.int8.onnx and does not build it: Conv (")
    told = found.to_json()["files"][0]["findings"]
    assert {name for finding in told if finding["fatal"] for name in finding["nodes"]} == layers


@pytest.mark.parametrize(("board", "version"), [("xavier", "8.2"), ("agx-orin", "8.6"), ("agx-orin", "10.3")])
def test_our_file_leaves_these_in_floating_point_and_builds(board, version, plain, images):
    path = quantized_with(TensorRT(), plain, images)
    assert quantized_convolutions(path) == {"/stem/Conv", "/narrow/Conv", "/wide/Conv"}
    found, int8 = plan(path, board, version)
    assert int8.will_build and found.files[0].unbuilt == ()


def test_the_choice_of_a_calibration_says_why(plain, images):
    source = Source(plain, observe(plain, images), 16, images, lambda outputs: 100.0, 100.0)
    chosen = quantize_best(source, TensorRT(), plain.with_name("model.int8.onnx"), 1.0)
    assert chosen.to_json()["beyond_runtime"] == {
        "/added/Conv": "depthwise, and its output is added to something: TensorRT 8 has no INT8 implementation",
        "/odd/Conv": "depthwise with 6 channels: before TensorRT 8.5, INT8 wants a multiple of 4",
        "/grouped/Conv": "groups of 2 channels: in INT8 they must be a multiple of 4",
    }
    cpu = quantize_best(source, OnnxRuntimeCpu(), plain.with_name("model.int8-cpu.onnx"), 1.0)
    assert cpu.to_json()["beyond_runtime"] == {}
