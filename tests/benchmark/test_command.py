"""The installed command on a good bundle."""

import json

import pytest

from .conftest import write_classifier, write_manifest

QUICK = ("--duration-s", "0.05", "--warm-up-s", "0")


@pytest.fixture
def run_quick(edgesynth, bundle):
    code, out, err = edgesynth("benchmark", bundle, "--precision", "fp32,int8", "--batch", "1,8", *QUICK)
    assert code == 0, err
    return out, err


def test_the_result_is_written_into_the_bundle_and_its_path_is_the_last_line(run_quick, bundle):
    out, _ = run_quick
    assert out.splitlines()[-1] == f"written: {bundle / 'result.json'}"
    result = json.loads((bundle / "result.json").read_text())
    assert (result["schema"], result["kind"]) == (3, "benchmark")
    assert [(one["precision"], one["batch"]) for one in result["measurements"]] == [
        ("fp32", 1),
        ("fp32", 8),
        ("int8", 1),
        ("int8", 8),
    ]


def test_the_table_prints_the_accuracy_and_the_median_of_the_result(run_quick, bundle):
    row = run_quick[0].splitlines()[1].split()
    one = json.loads((bundle / "result.json").read_text())["measurements"][0]
    assert row[:3] == ["fp32", "1", "{:.3f}".format(one["latency_ms"]["p50"])]
    assert "75.00" in row


def test_stderr_has_the_announcement_and_no_line_of_the_engine(run_quick):
    engine, measuring = run_quick[1].splitlines()
    assert engine == "engine: onnxruntime (TensorRT cannot be imported here: No module named 'tensorrt')"
    assert measuring == "measuring bundle (fp32 x1, fp32 x8, int8 x1, int8 x8): about 1 s"


def test_a_measured_bundle_can_be_measured_again(run_quick, edgesynth, bundle):
    code, _, err = edgesynth("benchmark", bundle, "--precision", "fp32", *QUICK)
    assert code == 0, err
    assert json.loads((bundle / "result.json").read_text())["settings"]["precisions"] == ["fp32"]


def test_a_batch_given_twice_is_measured_once(edgesynth, bundle, tmp_path):
    edgesynth("benchmark", bundle, "--precision", "fp32", "--batch", "8,8", *QUICK, "-o", "twice.json")
    assert json.loads((tmp_path / "twice.json").read_text())["settings"]["batches"] == [8]


def fixed_at_4(bundle):
    write_classifier(bundle / "model.onnx", batch=4)
    write_manifest(bundle)
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest["models"] = {"fp32": {**manifest["models"]["fp32"], "batch": 4}}
    (bundle / "manifest.json").write_text(json.dumps({**manifest, "schema": 2}))


def test_a_bundle_of_a_fixed_batch_is_measured_at_that_batch(edgesynth, bundle):
    fixed_at_4(bundle)
    code, _, err = edgesynth("benchmark", bundle, *QUICK)
    assert code == 0, err
    (one,) = json.loads((bundle / "result.json").read_text())["measurements"]
    assert (one["batch"], one["accuracy_percent"]) == (4, 75.0)


def test_a_batch_that_a_bundle_cannot_take_is_one_line(edgesynth, bundle):
    fixed_at_4(bundle)
    code, out, err = edgesynth("benchmark", bundle, "--batch", "1,4", *QUICK)
    assert (code, out) == (2, "")
    assert "is fixed at 4 and 1 was asked for; use --batch 4" in err
    assert len(err.splitlines()) == 1
    assert not (bundle / "result.json").exists()


def test_the_result_of_a_bare_file_lies_beside_it(edgesynth, tmp_path):
    write_classifier(tmp_path / "small.onnx")
    code, _, err = edgesynth("benchmark", "small.onnx", *QUICK)
    assert code == 0, err
    assert json.loads((tmp_path / "small.onnx.result.json").read_text())["bundle"] == "small.onnx"
