import onnx
import onnxslim
import pytest
import torch
from torch import nn

from edgesynth.errors import UserError
from edgesynth.export.onnx_file import read_checked, to_onnx
from edgesynth.export.runtime import run_onnx

from .conftest import EMPTY_ROW, KEPT, constants


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


def test_normalisation_is_folded_into_the_convolution(convnet, tmp_path):
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


def test_a_network_that_fixes_its_batch_is_refused(tmp_path):
    class Fixed(nn.Module):
        def forward(self, images):
            return images.reshape(2, 16) + 1

    with pytest.raises(UserError, match="leave the batch free"):
        to_onnx(Fixed(), (1, 4, 4), tmp_path / "m.onnx")
