"""A bundle whose models take exactly four images, beside the one whose batch is free."""

import json
import shutil

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from edgesynth.benchmark.bundle.bundle import open_bundle
from edgesynth.benchmark.measure.run import measure
from edgesynth.benchmark.measure.settings import Settings
from edgesynth.benchmark.verify.verification import verify
from edgesynth.errors import UserError
from edgesynth.export import export_individual
from edgesynth.export.onnx.fixed_batch import fix_batch
from edgesynth.export.onnx.onnx_file import to_onnx
from edgesynth.export.onnx.runtime import run_onnx
from tests.export.conftest import OFFSPRING, constants

BATCH = 4


@pytest.fixture(scope="module")
def fixed(exported):
    """The offspring of `exported` again, at batch 4 and opset 17."""
    from edgesynth.lineage import Run

    run = Run.open(exported.path.parent.parent)
    return export_individual(
        run, OFFSPRING, run.path / "fixed", int8=True, int8_cpu_layers="all", batch=BATCH, opset=17
    )


def test_every_model_says_that_its_batch_is_four(fixed):
    for facts in fixed.manifest["models"].values():
        assert (facts["batch"], facts["opset"], facts["ir"]) == (BATCH, 17, 8)
        graph = onnx.load(str(fixed.path / facts["file"])).graph
        for value in (graph.input[0], graph.output[0]):
            assert value.type.tensor_type.shape.dim[0].dim_value == BATCH


class TimesBatch(nn.Module):
    def forward(self, images):
        return images.flatten(1) * images.size(0)


def test_what_depended_on_the_batch_alone_is_computed_once(tmp_path):
    to_onnx(TimesBatch(), (1, 2, 2), tmp_path / "free.onnx")
    assert "Shape" in [node.op_type for node in onnx.load(str(tmp_path / "free.onnx")).graph.node]
    shutil.copy(tmp_path / "free.onnx", tmp_path / "fixed.onnx")
    fix_batch(tmp_path / "fixed.onnx", BATCH)
    assert [node.op_type for node in onnx.load(str(tmp_path / "fixed.onnx")).graph.node] == ["Flatten", "Mul"]
    assert torch.equal(run_onnx(tmp_path / "fixed.onnx", torch.ones(3, 1, 2, 2)), torch.full((3, 4), 4.0))


class Tokens(nn.Module):
    """A linear layer on three dimensions: MatMul and Add, which with a known batch could be one Gemm."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 3)

    def forward(self, images):
        return self.linear(images.flatten(2).transpose(1, 2)).mean(1)


def test_layers_keep_the_names_that_the_network_gave_them(tmp_path):
    to_onnx(Tokens(), (4, 2, 2), tmp_path / "free.onnx")
    shutil.copy(tmp_path / "free.onnx", tmp_path / "fixed.onnx")
    fix_batch(tmp_path / "fixed.onnx", BATCH)
    free, fixed = (onnx.load(str(tmp_path / name)).graph for name in ("free.onnx", "fixed.onnx"))
    tensors = [name for node in fixed.node for name in node.output]
    assert tensors == [name for node in free.node for name in node.output]
    assert "MatMul" in [node.op_type for node in fixed.node]


def test_weights_of_the_tensorrt_form_are_still_floats_with_their_q_and_dq(fixed):
    model = onnx.load(str(fixed.path / "model.int8.onnx"))
    quantized = {node.input[0] for node in model.graph.node if node.op_type == "QuantizeLinear"}
    weights = {name for name, value in constants(model).items() if value.dtype == np.float32 and value.ndim > 1}
    assert len(weights) == 4
    assert weights <= quantized


@pytest.mark.parametrize("count", [1, 4, 7])
def test_images_that_do_not_fill_the_batch_are_answered_as_by_the_free_model(fixed, exported, task, count):
    images = task.validation.images[:count]
    for key, facts in fixed.manifest["models"].items():
        answers = run_onnx(fixed.path / facts["file"], images)
        expected = run_onnx(exported.path / facts["file"], images)
        assert answers.shape == (count, 10)
        # Calibrated at another batch, INT8 may round to the next step.
        allowed = 1e-5 if key == "fp32" else 0.03
        assert (answers - expected).abs().max() <= allowed * expected.abs().max()


def test_the_ledger_is_that_of_the_free_models(fixed, exported):
    assert [hop.accuracy_percent for hop in fixed.ledger.hops] == [hop.accuracy_percent for hop in exported.ledger.hops]


def test_ranges_are_of_tensors_that_the_model_has(fixed):
    graph = onnx.load(str(fixed.path / "model.onnx")).graph
    amax = json.loads((fixed.path / "ranges.json").read_text())["amax"]
    assert set(amax) == {"images", *(name for node in graph.node for name in node.output)}


def test_the_bundle_is_verified_and_measured_at_its_batch_and_no_other(fixed):
    assert verify(str(fixed.path)).bad == []
    target = open_bundle(str(fixed.path))
    assert target.batch == BATCH
    settings = Settings((BATCH,), duration_s=0.02, warm_up_s=0.0)
    measured = measure(target, settings=settings)["measurements"]
    assert [one["accuracy_percent"] for one in measured] == [
        fixed.ledger.hops[place].accuracy_percent for place in (2, 5)
    ]
    with pytest.raises(UserError, match="fixed at 4 and 1 was asked for; use --batch 4"):
        measure(target, settings=settings._replace(batches=(1,)))


@pytest.mark.parametrize("batch", [0, -1, 5000])
def test_a_batch_out_of_range_is_refused(run, batch):
    with pytest.raises(UserError, match=rf"--batch is {batch}; it must be 1 to 4096"):
        export_individual(run, OFFSPRING, batch=batch)
    assert not (run.path / "bundles").exists()
