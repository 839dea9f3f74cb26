import importlib.util

import numpy as np
import onnx
import onnxslim
import pytest
import torch
from torch import nn

from edgesynth.errors import UserError
from edgesynth.export.onnx import onnx_file
from edgesynth.export.onnx.onnx_file import check_batch, form_of, read_checked, remove_model, to_onnx
from edgesynth.export.onnx.runtime import run_onnx
from tests.export.conftest import EMPTY_ROW, KEPT, constants

HAS_ONNXSCRIPT = importlib.util.find_spec("onnxscript") is not None


@pytest.fixture(scope="module")
def model(exported):
    return onnx.load(str(exported.path / "model.onnx"))


def test_the_file_is_opset_13_of_ai_onnx_alone_and_ir_7(model):
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 13)]
    assert model.ir_version == 7


def test_dead_channels_are_gone_from_the_file(model):
    shapes = {name: value.shape for name, value in constants(model).items()}
    conv1, conv2, fc1 = KEPT["conv1"], KEPT["conv2"], KEPT["fc1"]
    assert shapes["conv1.weight"] == (conv1, 1, 5, 5)
    assert shapes["conv2.weight"] == (conv2, conv1, 5, 5)
    assert shapes["fc1.weight"] == (fc1, conv2 * 4 * 4)
    assert shapes["fc2.weight"] == (10, fc1)


def test_dead_synapses_are_exact_zeros_in_the_file(model, pristine_run):
    weights = pristine_run.load("g001-c0").weights
    for name in ("conv1.weight", "conv2.weight", "fc1.weight", "fc2.weight"):
        assert ((constants(model)[name] == 0) == (weights[name] == 0).numpy()).all()
        assert 0.4 < (constants(model)[name] == 0).mean() < 0.7
    assert not constants(model)["fc1.weight"][EMPTY_ROW].any()


@pytest.mark.parametrize("batch", [1, 7])
def test_the_batch_is_free_and_agrees_with_torch(exported, removed, task, batch):
    images = task.validation.images[:batch]
    with torch.no_grad():
        expected = removed(images)
    assert run_onnx(exported.path / "model.onnx", images).shape == (batch, 10)
    assert torch.allclose(run_onnx(exported.path / "model.onnx", images), expected, rtol=1e-5, atol=1e-4)


def test_the_batch_dimension_is_named(model):
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    assert model.graph.output[0].type.tensor_type.shape.dim[0].dim_param == "batch"


def test_normalization_is_folded_into_the_convolution(convnet, tmp_path):
    to_onnx(convnet, (1, 8, 8), tmp_path / "m.onnx")
    assert [node.op_type for node in onnx.load(str(tmp_path / "m.onnx")).graph.node] == [
        "Conv",
        "Relu",
        "Flatten",
        "Gemm",
    ]
    images = torch.randn(5, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = convnet.eval()(images)
    assert torch.allclose(run_onnx(tmp_path / "m.onnx", images), expected, atol=1e-5)


def test_export_leaves_a_training_network_in_training_with_its_statistics(convnet, tmp_path):
    convnet.train()
    before = {name: tensor.clone() for name, tensor in convnet.state_dict().items()}
    to_onnx(convnet, (1, 8, 8), tmp_path / "m.onnx")
    assert convnet.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in convnet.state_dict().items())


def test_another_ir_than_asked_for_is_refused_and_no_file_stays(convnet, tmp_path, monkeypatch):
    slim = onnxslim.slim

    def newer(model):
        slimmed = slim(model)
        slimmed.ir_version = 9
        return slimmed

    monkeypatch.setattr(onnxslim, "slim", newer)
    with pytest.raises(UserError, match=r"opset 13, IR 7, .* wrote opset ai.onnx 13, IR 9"):
        to_onnx(convnet, (1, 8, 8), tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []


def test_another_opset_than_asked_for_is_refused(exported, model, tmp_path):
    newer = onnx.ModelProto()
    newer.CopyFrom(model)
    newer.opset_import[0].version = 17
    onnx.save(newer, str(tmp_path / "m.onnx"))
    with pytest.raises(UserError, match=r"wrote opset ai.onnx 17, IR 7"):
        read_checked(tmp_path / "m.onnx")


def test_an_operation_without_onnx_form_is_named(tmp_path):
    class Odd(nn.Module):
        def forward(self, images):
            return torch.linalg.matrix_exp(images).flatten(1)

    with pytest.raises(UserError, match=r"Odd cannot be written as ONNX opset 13: .*matrix_exp"):
        to_onnx(Odd(), (1, 4, 4), tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_network_with_two_outputs_is_refused(tmp_path):
    class Two(nn.Module):
        def forward(self, images):
            return images.flatten(1), images.mean(dim=1)

    with pytest.raises(UserError, match="must take one tensor of images, return one"):
        to_onnx(Two(), (1, 4, 4), tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []


class Forward(nn.Module):
    """A network that is no more than its forward."""

    def __init__(self, forward):
        super().__init__()
        self.forward = forward


@pytest.mark.parametrize(
    ("forward", "message"),
    [
        (lambda images: images.reshape(2, 16) + 1, "leave the batch free"),
        (lambda images: images.reshape(1, 16), "let forward take any number of images"),
        (lambda images: images.reshape(1, -1), "leave the batch free"),
        (lambda images: images.flatten(1)[:1] * torch.ones(2, 1), "leave the batch free"),
    ],
)
@pytest.mark.parametrize("opset", [13, 18])
def test_a_network_that_fixes_its_batch_is_refused(tmp_path, forward, message, opset):
    with pytest.raises(UserError, match=message):
        to_onnx(Forward(forward), (1, 4, 4), tmp_path / "m.onnx", opset)
    assert list(tmp_path.iterdir()) == []


def test_a_batch_that_is_fixed_inside_a_free_header_is_found_by_running_the_file(convnet, tmp_path):
    to_onnx(convnet, (1, 8, 8), tmp_path / "m.onnx")
    model = onnx.load(str(tmp_path / "m.onnx"))
    flatten = next(node for node in model.graph.node if node.op_type == "Flatten")
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array([2, 144]), "two"))
    flatten.CopyFrom(onnx.helper.make_node("Reshape", [flatten.input[0], "two"], [flatten.output[0]]))
    onnx.save(model, str(tmp_path / "m.onnx"))
    with pytest.raises(UserError, match=r"m\.onnx fails at batch 1 .*must leave the batch free"):
        check_batch(tmp_path / "m.onnx", (1, 8, 8))


@pytest.mark.parametrize(("opset", "ir"), [(13, 7), (14, 7), (15, 8), (16, 8), (17, 8), (18, 8)])
def test_each_opset_is_written_with_the_ir_of_its_time_and_computes_the_same(convnet, tmp_path, opset, ir):
    exporter = to_onnx(convnet, (1, 8, 8), tmp_path / "m.onnx", opset)
    model = onnx.load(str(tmp_path / "m.onnx"))
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", opset)]
    assert model.ir_version == ir
    assert exporter.name == ("dynamo" if opset == 18 and HAS_ONNXSCRIPT else "torchscript")
    images = torch.randn(5, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = convnet.eval()(images)
    assert torch.allclose(run_onnx(tmp_path / "m.onnx", images), expected, atol=1e-5)


@pytest.mark.skipif(HAS_ONNXSCRIPT, reason="onnxscript is installed: nothing stands in for the dynamo exporter")
def test_without_onnxscript_the_older_exporter_writes_opset_18_and_says_why(convnet, tmp_path):
    assert "No module named 'onnxscript'" in to_onnx(convnet, (1, 8, 8), tmp_path / "m.onnx", 18).reason


@pytest.mark.skipif(not HAS_ONNXSCRIPT, reason="the dynamo exporter needs onnxscript")
class TestEachExporterStandsInForTheOther:
    def test_an_operation_that_only_dynamo_knows(self, tmp_path):
        model = Forward(lambda images: torch.expm1(images).flatten(1))
        exporter = to_onnx(model, (1, 4, 4), tmp_path / "m.onnx", 17)
        assert exporter.name == "dynamo"
        assert exporter.reason.startswith("the torchscript exporter failed: Exporting the operator 'aten::expm1'")
        images = torch.rand(3, 1, 4, 4, generator=torch.Generator().manual_seed(0))
        assert torch.allclose(run_onnx(tmp_path / "m.onnx", images), torch.expm1(images).flatten(1), atol=1e-6)

    def test_a_forward_that_looks_at_its_data(self, tmp_path):
        model = Forward(lambda images: images.flatten(1) if images.sum() > -1e9 else images)
        exporter = to_onnx(model, (1, 4, 4), tmp_path / "m.onnx", 18)
        assert exporter.name == "torchscript"
        assert exporter.reason.startswith("the dynamo exporter failed: Could not guard on data-dependent expression")

    def test_no_source_line_of_the_network_is_left_in_the_file(self, convnet, tmp_path):
        assert to_onnx(convnet, (1, 8, 8), tmp_path / "m.onnx", 18).name == "dynamo"
        assert b".py" not in (tmp_path / "m.onnx").read_bytes()


def test_what_no_exporter_can_write_is_one_error_and_prints_nothing(tmp_path, capfd):
    with pytest.raises(UserError, match=r"^Forward cannot be written as ONNX opset 13: .*aten::i0") as caught:
        to_onnx(Forward(lambda images: torch.special.i0(images).flatten(1)), (1, 4, 4), tmp_path / "m.onnx")
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("opset", [12, 19, 0, -1])
def test_an_opset_out_of_range_is_refused(convnet, tmp_path, opset):
    with pytest.raises(UserError, match=rf"--opset is {opset}; it must be 13 to 18"):
        to_onnx(convnet, (1, 8, 8), tmp_path / "m.onnx", opset)


def test_weights_too_large_for_one_file_lie_beside_it(convnet, tmp_path, monkeypatch):
    """With a lower limit: tried by hand, a network of 2.2 GiB took 97 s and 13.5 GiB of memory."""
    monkeypatch.setattr(onnx_file, "MAX_WEIGHTS_BYTES", 100)
    to_onnx(convnet, (1, 8, 8), tmp_path / "m.onnx")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.onnx", "m.onnx.data"]
    assert form_of(tmp_path / "m.onnx")["external_data"] == "m.onnx.data"
    size = (tmp_path / "m.onnx.data").stat().st_size
    assert size >= 144 * 3 * 4
    to_onnx(convnet, (1, 8, 8), tmp_path / "m.onnx")
    assert (tmp_path / "m.onnx.data").stat().st_size == size
    images = torch.randn(5, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = convnet.eval()(images)
    assert torch.allclose(run_onnx(tmp_path / "m.onnx", images), expected, atol=1e-5)
    remove_model(tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []


class Scaled(nn.Module):
    def forward(self, images, *, scale=2.0, **others):
        return images.flatten(1) * scale


@pytest.mark.parametrize("opset", [13, 18])
def test_arguments_with_defaults_are_left_to_them_and_the_network_as_it_was(tmp_path, opset):
    network = Scaled()
    to_onnx(network, (1, 2, 2), tmp_path / "m.onnx", opset)
    images = torch.rand(3, 1, 2, 2)
    assert torch.equal(run_onnx(tmp_path / "m.onnx", images), 2 * images.flatten(1))
    assert "forward" not in vars(network)
