import hashlib
import json
import shutil
from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch

import edgesynth as package
from edgesynth.benchmark.bundle.bundle import open_bundle
from edgesynth.benchmark.verify.layer_bisect import read_layers
from edgesynth.benchmark.verify.verification import verify
from edgesynth.errors import UserError
from edgesynth.export import export_individual
from edgesynth.export.bundle import bundle
from edgesynth.export.bundle.samples import write_samples
from edgesynth.export.half.half import to_half
from edgesynth.export.int8.weight_forms import saturating_layers
from edgesynth.export.onnx.runtime import run_onnx
from edgesynth.lineage import Individual
from tests.export.conftest import ANCESTOR, OFFSPRING, tree

FP32_FILES = {"model.onnx", "model.fp16.onnx", "ranges.json", "samples.npz", "layers.npz", "README.md", "manifest.json"}
INT8_FILES = {"model.int8.onnx", "model.int8-cpu.onnx"}


@pytest.fixture(scope="module")
def samples(exported):
    with np.load(exported.path / "samples.npz", allow_pickle=False) as arrays:
        return dict(arrays)


def test_the_bundle_lies_in_the_run_and_holds_these_files(exported):
    assert exported.path.parts[-3:] == ("run", "bundles", OFFSPRING)
    assert {path.name for path in exported.path.iterdir()} == FP32_FILES | INT8_FILES


def test_the_manifest_returned_is_the_one_written(exported):
    assert json.loads((exported.path / "manifest.json").read_text()) == exported.manifest


def test_every_file_but_the_manifest_is_listed_with_its_sha256_and_size(exported):
    listed = exported.manifest["files"]
    assert set(listed) == FP32_FILES - {"manifest.json"} | INT8_FILES
    for name, facts in listed.items():
        content = (exported.path / name).read_bytes()
        assert facts == {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


def test_the_manifest_describes_the_network(exported, task):
    manifest = exported.manifest
    assert manifest["schema"] == 3
    assert manifest["tool"] == {"name": "edgesynth", "version": package.__version__}
    assert manifest["individual"] == OFFSPRING
    assert manifest["task"] == {"name": "digits", "metric": "accuracy", "unit": "percent"}
    assert manifest["input"] == {"name": "images", "shape": [1, 28, 28], "dtype": "float32", "layout": "NCHW"}
    decoding = {"form": "classes", "steps": ["argmax"]}
    assert manifest["output"] == {"name": "logits", "shape": [10], "decoding": decoding}
    assert manifest["preprocessing"] == task.preprocessing
    assert manifest["labels"] == [str(digit) for digit in range(10)]
    assert {key: (facts["file"], facts["dialect"]) for key, facts in manifest["models"].items()} == {
        "fp32": ("model.onnx", "plain"),
        "fp16": ("model.fp16.onnx", "plain"),
        "int8": ("model.int8.onnx", "tensorrt"),
        "int8-cpu": ("model.int8-cpu.onnx", "onnxruntime-cpu"),
    }
    assert {(facts["opset"], facts["ir"], facts["batch"]) for facts in manifest["models"].values()} == {(13, 7, None)}
    assert manifest["license"] == "not stated"
    assert manifest["exporter"] == {
        "name": "torchscript",
        "reason": "the dynamo exporter begins at opset 18",
        "torch": torch.__version__.partition("+")[0],
    }


def test_the_chosen_calibration_has_the_best_validation_accuracy_of_all(exported):
    methods = ("minmax", "percentile-99.999", "percentile-99.99", "entropy")
    calibration = exported.manifest["models"]["int8"]["calibration"]
    tried = calibration["validation_accuracy_percent"]
    assert set(tried) == {*methods}
    assert tried[calibration["method"]] == max(tried.values()) > 90
    calibration = exported.manifest["models"]["int8-cpu"]["calibration"]
    tried = calibration["validation_accuracy_percent"]
    assert set(tried) == {f"{method}, {weights}" for method in methods for weights in ("int7", "uint8")}
    one_image = 100 / 300 + 1e-6
    assert tried["{method}, {weights}".format(**calibration)] >= max(tried.values()) - one_image > 90


def test_the_file_for_cpus_says_on_which_processors_it_is_exact(exported):
    assert exported.manifest["models"]["int8-cpu"]["exact_on"] == "any"
    assert saturating_layers(onnx.load(str(exported.path / "model.int8-cpu.onnx"))) == []
    assert "exact_on" not in exported.manifest["models"]["int8"]


def test_census_and_lineage_are_those_of_the_run(exported, pristine_run):
    ancestor, offspring = pristine_run.record(ANCESTOR), pristine_run.record(OFFSPRING)
    census = exported.manifest["census"]
    assert census["ancestor"]["synapses"] == 430500
    assert census["individual"]["clusters"] == 8 + 16 + 60 + 10
    assert census["synaptic_efficiency"] == 430500 / offspring.census.synapses
    assert census["cluster_efficiency"] == 580 / 94
    assert exported.manifest["lineage"] == [
        {"name": one.name, "parents": list(one.parents), "validation": one.validation}
        | {"synapses": one.census.synapses, "clusters": one.census.clusters}
        for one in (ancestor, offspring)
    ]


def test_samples_are_the_test_split_with_the_outputs_of_the_removed_network(samples, removed, task):
    images, labels = task.load_test()
    assert np.array_equal(samples["images"], images.numpy())
    assert np.array_equal(samples["labels"], labels.numpy())
    with torch.no_grad():
        expected = removed(images).numpy()
    assert np.abs(samples["expected"] - expected).max() < 1e-4
    assert {name: array.dtype.name for name, array in samples.items()} == {
        "calibration": "float32",
        "images": "float32",
        "labels": "int64",
        "expected": "float32",
    }


def test_calibration_images_are_512_different_ones_of_the_training_data(samples, task):
    training = {image.numpy().tobytes() for image in task.train.images}
    calibration = [image.tobytes() for image in samples["calibration"]]
    assert len(calibration) == 512
    assert set(calibration) <= training
    assert len(set(calibration)) > 500  # a few of the 8x8 digits are twins


def test_images_to_calibrate_on_are_written_as_far_as_their_bound_goes(monkeypatch, tmp_path, task):
    test, calibration = task.load_test(), task.train.images[:50]
    monkeypatch.setattr("edgesynth.export.bundle.samples.MOST_BYTES", 10 * 4 * calibration[0].numel())
    write_samples(tmp_path / "samples.npz", calibration, test, torch.zeros(len(test.labels), 10), 0)
    with np.load(tmp_path / "samples.npz", allow_pickle=False) as arrays:
        assert np.array_equal(arrays["calibration"], calibration[:10].numpy()) and len(arrays["images"]) == 10


def test_a_second_export_writes_the_same_samples_and_fewer_on_demand(exported, run, samples):
    again = export_individual(run, OFFSPRING, samples=20)
    with np.load(again.path / "samples.npz", allow_pickle=False) as arrays:
        assert arrays["calibration"].shape == (20, 1, 28, 28)
        assert np.array_equal(arrays["images"], samples["images"])
        chosen = {image.tobytes() for image in arrays["calibration"]}
    assert chosen <= {image.tobytes() for image in samples["calibration"]}
    assert {path.name for path in again.path.iterdir()} == FP32_FILES
    assert set(again.manifest["models"]) == {"fp32", "fp16"}
    assert json.loads((again.path / "ranges.json").read_text())["images"] == 20


def test_at_most_a_thousand_test_images_are_written_in_their_order(monkeypatch, run, samples):
    monkeypatch.setattr("edgesynth.export.bundle.samples.TEST_IMAGES", 50)
    written = export_individual(run, OFFSPRING, samples=20)
    with np.load(written.path / "samples.npz", allow_pickle=False) as arrays:
        places = [
            int(np.flatnonzero((samples["images"] == image).all(axis=(1, 2, 3)))[0]) for image in arrays["images"]
        ]
        assert len(places) == 50
        assert places == sorted(places)
        assert np.array_equal(arrays["labels"], samples["labels"][places])
        assert np.array_equal(arrays["expected"], samples["expected"][places])


def test_the_benchmark_opens_the_bundle_and_scores_the_same_accuracy(exported):
    from edgesynth.export.onnx.runtime import run_onnx

    target = open_bundle(str(exported.path))
    assert set(target.models) == {"fp32", "fp16", "int8", "int8-cpu"}
    score = target.samples.score(
        lambda images: run_onnx(exported.path / "model.onnx", torch.from_numpy(images)).numpy(), batch=64
    )
    assert score.accuracy_percent == pytest.approx(exported.ledger.hops[2].accuracy_percent)
    assert score.max_abs_error < 1e-3


def test_the_test_accuracy_is_kept_with_the_run_and_not_overwritten(run):
    written = export_individual(run, OFFSPRING, samples=20)
    assert run.tested() == {OFFSPRING: written.ledger.hops[1].accuracy_percent}
    another_machine_s = run.tested()[OFFSPRING] - 0.05
    run.save_tested(OFFSPRING, another_machine_s)
    export_individual(run, OFFSPRING, run.path / "again", samples=20)
    assert run.tested() == {OFFSPRING: another_machine_s}


def test_what_answers_otherwise_than_when_its_run_ended_is_not_exported(run):
    run.save_tested(OFFSPRING, 12.5)
    said = r"had 12\.50 % accuracy on the test images when its run ended \(test.json\) and has 9"
    with pytest.raises(UserError, match=said):
        export_individual(run, OFFSPRING, run.path / "again", samples=20)
    assert not (run.path / "again").exists()


def test_the_ancestor_can_be_exported_too(run, tmp_path):
    written = export_individual(run, ANCESTOR, tmp_path / "deep" / "down", samples=20)
    assert written.manifest["census"]["synaptic_efficiency"] == 1.0
    assert [one["name"] for one in written.manifest["lineage"]] == [ANCESTOR]
    assert (tmp_path / "deep" / "down" / "manifest.json").is_file()


def test_an_empty_folder_may_be_given(run, tmp_path):
    (tmp_path / "empty").mkdir()
    export_individual(run, OFFSPRING, tmp_path / "empty", samples=20)
    assert {path.name for path in (tmp_path / "empty").iterdir()} == FP32_FILES


@pytest.mark.parametrize("step", ["to_onnx", "write_half", "observe", "write_samples", "build_manifest"])
def test_an_export_that_fails_half_way_leaves_nothing(run, tmp_path, monkeypatch, step):
    def disk_full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(bundle, step, disk_full)
    (tmp_path / "outside").mkdir()
    before = tree(tmp_path)
    with pytest.raises(OSError, match="No space left"):
        export_individual(run, OFFSPRING, tmp_path / "outside" / "a" / "b", samples=20)
    after = tree(tmp_path)
    after.pop("run/test.json", None)  # a verdict of the test split is a fact, bundle or not
    assert after == before


def test_progress_is_told_in_lines(run):
    told = []
    export_individual(run, OFFSPRING, samples=20, progress=told.append)
    assert "writing model.onnx" in told
    assert not any("\n" in line for line in told)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_weight_that_is_not_finite_is_named(run, value):
    individual = run.load(OFFSPRING)
    individual.weights["conv2.bias"][1] = value
    run.save(individual)
    before = tree(run.path)
    with pytest.raises(UserError, match=r"conv2\.bias of .*run:g001-c0 holds nan or infinity"):
        export_individual(run, OFFSPRING)
    assert tree(run.path) == before


def test_a_bundle_of_weights_beside_the_model_is_whole_and_verified(run, monkeypatch):
    monkeypatch.setattr("edgesynth.export.onnx.onnx_file.MAX_WEIGHTS_BYTES", 100)
    written = export_individual(run, OFFSPRING, samples=20)
    names = {path.name for path in written.path.iterdir()}
    assert names == FP32_FILES - {"layers.npz", "model.fp16.onnx"} | {"model.onnx.data"}
    assert set(written.manifest["files"]) == names - {"manifest.json"}
    assert written.manifest["models"]["fp32"]["external_data"] == "model.onnx.data"
    assert "`model.onnx.data`: the weights of `model.onnx`" in (written.path / "README.md").read_text()
    assert verify(str(written.path)).bad == []
    (written.path / "model.onnx.data").write_bytes(b"")
    with pytest.raises(UserError, match=r"model\.onnx\.data is not the file that was exported"):
        verify(str(written.path))


def test_int8_of_such_weights_is_refused_and_nothing_stays(run, monkeypatch):
    monkeypatch.setattr("edgesynth.export.onnx.onnx_file.MAX_WEIGHTS_BYTES", 100)
    before = tree(run.path)
    with pytest.raises(UserError, match="export without --int8"):
        export_individual(run, OFFSPRING, int8=True, samples=20)
    assert tree(run.path) == before


def test_each_model_has_a_record_of_what_it_answers_to_the_samples(exported):
    for place, facts in zip((2, 3, 4, 5), exported.manifest["models"].values(), strict=True):
        hop = exported.ledger.hops[place]
        # All 300 test images are samples: the record is that of the whole split.
        assert facts["samples"]["samples"] == 300
        assert facts["samples"]["accuracy_percent"] == pytest.approx(hop.accuracy_percent)
        assert facts["samples"]["max_rel"] == pytest.approx(hop.max_rel, rel=0.01, abs=1e-6)


def test_every_layer_of_the_network_is_sketched_under_its_own_name(exported):
    layers = read_layers(str(exported.path / "layers.npz"))
    assert [layer for layer in layers.layers if layer.split()[0] in ("Conv", "Gemm")] == [
        "Conv /conv1/Conv",
        "Conv /conv2/Conv",
        "Gemm /fc1/Gemm",
        "Gemm /fc2/Gemm",
    ]
    assert layers.tensors[-1] == "logits"


@pytest.mark.parametrize("license", ["", "  ", "one\ntwo"])
def test_a_license_that_is_no_name_is_refused(run, license):
    with pytest.raises(UserError, match="give the name of the license of the weights in one line"):
        export_individual(run, OFFSPRING, license=license)


@pytest.fixture
def overflowing(run):
    """The offspring once more with 1e5 times as much in its second convolution and as much less behind it."""
    individual = run.load(OFFSPRING)
    weights = dict(individual.weights)
    for name, factor in (("conv2.weight", 1e5), ("conv2.bias", 1e5), ("fc1.weight", 1e-5)):
        weights[name] = weights[name] * factor
    run.save(Individual(individual.record, individual.genome, weights))
    return run


def test_a_bundle_of_a_network_that_overflows_says_so_and_holds(overflowing, edgesynth, tmp_path):
    bundle = export_individual(overflowing, OFFSPRING, samples=64)
    kept = {layer["op"]: layer["why"] for layer in bundle.manifest["kept_in_fp32"]}
    assert {"Conv", "Relu", "MaxPool", "Flatten", "Gemm"} >= set(kept) >= {"Conv", "Gemm"}
    rows = {row["hop"]: row for row in bundle.ledger.to_json()}
    assert rows["onnx fp16"]["ok"] and rows["onnx fp16"]["max_rel"] < 1e-2
    assert abs(rows["onnx fp16"]["change_points"]) <= 0.1
    readme = (bundle.path / "README.md").read_text()
    first = bundle.manifest["kept_in_fp32"][0]
    assert f"| `{first['layer']}` | {first['op']} | {first['why']} |" in readme
    assert f"--precisionConstraints=obey --layerPrecisions='{first['layer']}:fp32," in readme
    assert not verify(str(bundle.path)).bad
    done = edgesynth("plan", bundle.path, "--board", "tx2", "--json", cwd=tmp_path)
    plan = json.loads(done.stdout)
    assert plan["kept_in_fp32"] == bundle.manifest["kept_in_fp32"]
    (fp16,) = [build for build in plan["builds"] if build["precision"] == "fp16"]
    assert f"{len(plan['kept_in_fp32'])} layers stay in FP32, which FP16 cannot hold (" in fp16["note"]

    # Without them, the file of the same network falls: what verify and the ledger then have is that fall.
    to_half(bundle.path / "model.onnx", bundle.path / "model.fp16.onnx")
    images = torch.from_numpy(np.load(bundle.path / "samples.npz")["images"])
    assert not torch.isfinite(run_onnx(bundle.path / "model.fp16.onnx", images, half_storage=True)).all()


def test_the_ranges_name_the_layers_that_the_guard_left_in_floating_point(run, monkeypatch):
    best = bundle.quantize_best

    def out_of_reach(source, dialect, path, max_loss):
        return best(replace(source, reference=101.0) if dialect.key == "int8" else source, dialect, path, max_loss)

    monkeypatch.setattr(bundle, "quantize_best", out_of_reach)
    written = export_individual(run, OFFSPRING, int8=True, samples=64)
    guarded = written.manifest["models"]["int8"]["calibration"]["guard"]["floating_point"]
    assert json.loads((written.path / "ranges.json").read_text())["floating_point"] == guarded
    nodes = onnx.load(str(written.path / "model.int8.onnx")).graph.node
    rounded = {name for node in nodes if node.op_type == "DequantizeLinear" for name in node.output}
    layers = [node for node in nodes if node.op_type in ("Conv", "Gemm")]
    assert [node.name for node in layers if node.input[1] not in rounded] == [
        node.name for node in layers if node.name in guarded
    ]
    assert len(guarded) == len(layers) - 1
    shutil.rmtree(written.path)
