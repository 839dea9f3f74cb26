"""A bundle as export writes it is verified; then one thing at a time is wrong with it."""

import json
import shutil

import numpy as np
import onnx
import pytest

from edgesynth.benchmark.bundle.bundle import open_target
from edgesynth.benchmark.bundle.processor import saturates, why_inexact
from edgesynth.benchmark.bundle.samples import read_samples
from edgesynth.benchmark.measure.run import measure
from edgesynth.benchmark.measure.settings import Settings
from edgesynth.benchmark.verify.layer_bisect import Layers, read_layers, sketch_layers, write_layers
from edgesynth.benchmark.verify.verification import figures_of, verify
from edgesynth.errors import UserError
from edgesynth.export.half.half import to_half

from .conftest import LAYERS, SHAPE, TENSORS, change, read_npz, scale, seal, write_classifier


@pytest.fixture
def bundle(verifiable):
    return verifiable


def test_a_bundle_as_it_was_exported_is_good(bundle, edgesynth):
    code, out, err = edgesynth("verify", bundle)
    assert (code, err) == (0, "")
    head, fp32, int8, last = out.splitlines()
    assert head.split() == ["hop", "compared", "with", "error", "relative", "accuracy", "%", "points", "ok"]
    assert fp32.split()[:3] == ["onnx", "fp32", "export"]
    assert fp32.split()[-3:] == ["75.00", "+0.00", "yes"]
    assert int8.split()[:3] == ["onnx", "int8-cpu", "export"]
    assert last == "4 files and 16 samples: all as exported"


@pytest.mark.parametrize("exact_on", ["any", "vnni"])
def test_a_file_that_is_not_exact_on_this_processor_is_told_of(bundle, edgesynth, exact_on):
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest["models"]["int8-cpu"]["exact_on"] = exact_on
    change(bundle, models=manifest["models"])
    why = why_inexact(open_target(str(bundle)).models["int8-cpu"])
    assert (why is not None) == (exact_on == "vnni" and saturates() is True)
    code, out, _ = edgesynth("verify", bundle)
    assert code == 0
    told = [line for line in out.splitlines() if line.startswith("not exact here: ")]
    assert told == ([f"not exact here: onnx int8-cpu (model.int8-cpu.onnx): {why}"] if why else [])
    measured = measure(open_target(str(bundle)), precisions=["fp32", "int8"], settings=Settings((1,), 0.02, 0.0))
    flags = [[flag for flag in one["flags"] if flag.startswith("not exact")] for one in measured["measurements"]]
    assert flags == [[], [f"not exact: {why}"] if why else []]


def test_figures_are_those_of_a_comparison_by_hand(bundle):
    import onnxruntime

    session = onnxruntime.InferenceSession(str(bundle / "model.int8-cpu.onnx"), providers=["CPUExecutionProvider"])
    arrays = read_npz(bundle)
    answers = session.run(None, {"images": arrays["images"]})[0]
    error = np.abs(answers - arrays["expected"]).max()
    found = verify(str(bundle)).hops[1].figures
    assert found.max_abs == pytest.approx(error, rel=1e-4)
    assert found.max_rel == pytest.approx(error / np.abs(arrays["expected"]).max(), rel=1e-4)
    assert found.accuracy_percent == pytest.approx(100 * (answers.argmax(1) == arrays["labels"]).mean())


@pytest.mark.parametrize(("weights", "layer"), [("conv", LAYERS[0]), ("conv_bias", LAYERS[0]), ("fc", LAYERS[3])])
def test_the_first_layer_that_differs_is_named(bundle, edgesynth, weights, layer):
    scale(bundle / "model.onnx", weights, 1.01)
    seal(bundle)
    code, out, _ = edgesynth("verify", bundle)
    assert code == 1
    assert [line.split()[-1] for line in out.splitlines()[:3]] == ["ok", "NO", "yes"]
    assert "bad: onnx fp32 (model.onnx): relative error" in out
    assert f"first bad layer of model.onnx: {layer} (its tensor" in out


def test_a_model_of_another_network_is_told_by_the_first_tensor_that_it_lacks(bundle, edgesynth):
    write_classifier(bundle / "model.onnx", channels=8)
    model = onnx.load(str(bundle / "model.onnx"))
    for node in model.graph.node:
        node.output[:] = ["relu_of_another" if name == "b" else name for name in node.output]
        node.input[:] = ["relu_of_another" if name == "b" else name for name in node.input]
    onnx.save(model, str(bundle / "model.onnx"))
    seal(bundle)
    code, out, _ = edgesynth("verify", bundle)
    assert code == 1
    assert f"first bad layer of model.onnx: {LAYERS[1]} (the model has no tensor b: it is another network)" in out


def test_expected_outputs_of_another_network_are_told_from_a_bad_model(bundle):
    arrays = read_npz(bundle)
    np.savez(bundle / "samples.npz", **dict(arrays, expected=arrays["expected"] * 1.01))
    seal(bundle)
    found = verify(str(bundle))
    assert [one.hop for one in found.bad] == ["onnx fp32"]
    assert found.layer.startswith("none: every layer gives what it gave at export")


def test_an_int8_model_of_the_same_accuracy_but_another_scale_is_bad(bundle):
    """Its answers point the same way: the accuracy alone would not tell."""
    scale(bundle / "model.int8-cpu.onnx", "fc_scale", 1.3)
    seal(bundle)
    found = verify(str(bundle))
    assert [one.hop for one in found.bad] == ["onnx int8-cpu"]
    assert found.hops[1].change_points == 0.0
    assert found.bad[0].why.startswith("relative error")
    assert found.layer is None


def with_half(folder, half_storage=True):
    """The bundle with its FP16 form, and what that answers recorded as export does it, or did before."""
    to_half(folder / "model.onnx", folder / "model.fp16.onnx")
    samples = read_samples(str(folder / "samples.npz"), SHAPE, "accuracy")
    record = figures_of(str(folder / "model.fp16.onnx"), samples, None, half_storage)._asdict()
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["models"]["fp16"] = {
        "file": "model.fp16.onnx",
        "dialect": "plain",
        "batch": None,
        "samples": {**record, "half_storage": True} if half_storage else record,
    }
    manifest["ledger"].append({"hop": "onnx fp16", "tolerance": 0.1, "tolerance_of": "loss_points", "ok": True})
    manifest["files"]["model.fp16.onnx"] = {}
    change(folder, **manifest)
    seal(folder)
    return record


def overflow(folder):
    """The FP16 form of the same function with 1e6 times as much within: in FP32 nothing shows it."""
    model = folder / "scaled.onnx"
    model.write_bytes((folder / "model.onnx").read_bytes())
    for name, factor in (("conv", 1e6), ("conv_bias", 1e6), ("fc", 1e-6)):
        scale(model, name, factor)
    to_half(model, folder / "model.fp16.onnx")
    model.unlink()
    seal(folder)


def test_fp16_is_verified_as_a_device_stores_it(bundle):
    record = with_half(bundle)
    assert 1e-5 < record["max_rel"] < 1e-2
    found = verify(str(bundle))
    (half,) = [one for one in found.hops if one.hop == "onnx fp16"]
    assert half.why is None and half.figures.max_rel == record["max_rel"]
    overflow(bundle)
    (half,) = [one for one in verify(str(bundle)).bad if one.hop == "onnx fp16"]
    assert half.why == "its outputs hold nan or infinity"


def test_fp16_of_an_older_bundle_is_verified_as_it_was_recorded(bundle):
    record = with_half(bundle, half_storage=False)
    (half,) = [one for one in verify(str(bundle)).hops if one.hop == "onnx fp16"]
    assert half.why is None and half.figures.max_rel == record["max_rel"]


def test_lost_accuracy_is_bad_where_errors_are_within_bounds(bundle):
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest["models"]["fp32"]["samples"]["accuracy_percent"] = 100.0
    change(bundle, models=manifest["models"])
    assert verify(str(bundle)).bad[0].why == "25.00 points of accuracy lost against the record, allowed is 6.2"


def test_a_hop_that_was_bad_at_export_stays_bad(bundle):
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest["ledger"][2]["ok"] = False
    change(bundle, ledger=manifest["ledger"])
    assert [one.why for one in verify(str(bundle)).bad] == [
        "it is what was exported, and the ledger marked that bad then"
    ]


def test_outputs_that_are_not_numbers_are_bad(bundle):
    scale(bundle / "model.onnx", "fc", np.nan)
    seal(bundle)
    found = verify(str(bundle))
    assert found.bad[0].why == "its outputs hold nan or infinity"
    assert found.layer.startswith(LAYERS[3])


def _flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _swap(folder):
    (folder / "model.onnx").write_bytes((folder / "model.int8-cpu.onnx").read_bytes())


def _cut(folder, name):
    (folder / name).write_bytes((folder / name).read_bytes()[:500])


def _cut_and_seal(folder, name):
    _cut(folder, name)
    seal(folder)


def _without_records(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    for facts in manifest["models"].values():
        del facts["samples"]
    change(folder, schema=1, models=manifest["models"])


def _two_batches(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["models"]["fp32"]["batch"] = 4
    change(folder, models=manifest["models"])


def _bad_and_odd_layers(folder):
    scale(folder / "model.onnx", "conv", 2)
    layers = read_layers(str(folder / "layers.npz"))
    write_layers(str(folder / "layers.npz"), layers._replace(tensors=layers.tensors[:2]))
    seal(folder)


DAMAGE = {
    "a flipped byte": (lambda f: _flip(f / "model.onnx"), "model.onnx is not the file that was exported"),
    "a flipped byte of the samples": (lambda f: _flip(f / "samples.npz"), "samples.npz is not the file that was"),
    "a missing file": (lambda f: (f / "layers.npz").unlink(), "layers.npz is missing and the manifest lists it"),
    "a model swapped for another": (_swap, "model.onnx is not the file that was exported"),
    "a truncated npz": (lambda f: _cut(f, "samples.npz"), "samples.npz is not the file that was exported"),
    "a truncated npz, sealed": (lambda f: _cut_and_seal(f, "samples.npz"), "samples.npz cannot be read"),
    "no bundle": (shutil.rmtree, "is not a folder; give the folder that `edgesynth export` wrote"),
    "no manifest": (lambda f: (f / "manifest.json").unlink(), "is a folder without manifest.json"),
    "an older bundle": (_without_records, "(schema 1) has no record of how fp32 answered the samples"),
    "no ledger": (lambda f: change(f, ledger=None), "the ledger has no row of onnx fp32"),
    "no models": (lambda f: change(f, models={}), "it lists no model"),
    "two batches": (_two_batches, "the models' batch is [4, None]"),
    "odd layers": (_bad_and_odd_layers, "holds 4 layers, 2 tensors"),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_what_is_no_whole_bundle_is_one_line(case, bundle, edgesynth):
    damage, message = DAMAGE[case]
    damage(bundle)
    code, out, err = edgesynth("verify", bundle)
    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    assert line.startswith("edgesynth: ")
    assert message in line


def test_a_bare_onnx_file_is_no_bundle(bundle, edgesynth):
    code, _, err = edgesynth("verify", bundle / "model.onnx")
    assert code == 2
    assert "is not a folder; give the folder that `edgesynth export` wrote" in err


def test_a_sketch_estimates_the_error_of_a_tensor_without_holding_it(bundle):
    """The relative error of the logits by hand, within what 32 products can tell."""
    samples = read_samples(str(bundle / "samples.npz"), SHAPE, "accuracy")
    before = sketch_layers(str(bundle / "model.onnx"), samples, 1, LAYERS, TENSORS)
    truth = samples.expected[:4]
    scale(bundle / "model.onnx", "fc", 1.1)
    after = sketch_layers(str(bundle / "model.onnx"), samples, 1, LAYERS, TENSORS)
    assert before.sketches.shape == (4, 4, 8)
    assert before.rms[3] == pytest.approx(np.sqrt(np.square(truth).mean()), rel=1e-4)
    assert np.array_equal(before.sketches[:3], after.sketches[:3])
    estimate = np.sqrt(np.square(after.sketches[3] - before.sketches[3]).mean()) / before.rms[3]
    assert 0.05 < estimate < 0.2


def test_sketches_are_written_and_read_back_without_pickles(tmp_path):
    layers = Layers(["Conv x"], ["x"], np.ones((1, 4, 8), np.float32), np.ones(1, np.float32))
    write_layers(str(tmp_path / "layers.npz"), layers)
    found = read_layers(str(tmp_path / "layers.npz"))
    assert (found.layers, found.tensors) == (["Conv x"], ["x"])
    np.savez(tmp_path / "layers.npz", layers=np.array([{"any": "object"}]), tensors=found.tensors)
    with pytest.raises(UserError, match="cannot be read"):
        read_layers(str(tmp_path / "layers.npz"))
