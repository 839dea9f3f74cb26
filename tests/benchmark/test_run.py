"""Real engine, tiny models: the result's values, not its times."""

import builtins

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from edgesynth.benchmark.bundle.bundle import open_target
from edgesynth.benchmark.measure.quick import compare_models, measure_model
from edgesynth.benchmark.measure.run import measure
from edgesynth.benchmark.measure.settings import Settings
from edgesynth.benchmark.power import Rapl
from edgesynth.benchmark.timing.timing import spread
from edgesynth.errors import UserError

from .conftest import read_npz, write_classifier, write_manifest

QUICK = Settings(batches=(1,), duration_s=0.02, warm_up_s=0.0)


@pytest.fixture(scope="module")
def measured(pristine_bundle):
    return measure(open_target(str(pristine_bundle)), settings=QUICK._replace(batches=(1, 5)))


def _of(result, precision, batch):
    (one,) = [m for m in result["measurements"] if (m["precision"], m["batch"]) == (precision, batch)]
    return one


def test_every_precision_is_measured_at_every_batch(measured):
    found = [(one["precision"], one["batch"]) for one in measured["measurements"]]
    assert found == [("fp32", 1), ("fp32", 5), ("int8", 1), ("int8", 5)]


def test_int8_runs_the_dialect_of_the_cpu_and_says_so(measured):
    one = _of(measured, "int8", 1)
    assert (one["file"], one["dialect"]) == ("model.int8-cpu.onnx", "onnxruntime-cpu")


def test_the_accuracy_is_the_share_of_right_labels_at_every_batch(measured):
    # 12 of 16; a batch of 5 leaves a last batch of one sample, which is filled up with four that must not count.
    assert _of(measured, "fp32", 1)["accuracy_percent"] == 75.0
    assert _of(measured, "fp32", 5)["accuracy_percent"] == 75.0


def test_fp32_reproduces_the_expected_outputs_and_int8_nearly(measured):
    assert _of(measured, "fp32", 5)["max_abs_error"] < 1e-4
    assert 1e-4 < _of(measured, "int8", 5)["max_abs_error"] < 0.5


def test_the_summary_is_that_of_the_raw_latencies(measured):
    one = _of(measured, "int8", 5)
    assert one["latency_ms"]["count"] == len(one["samples_ms"]) >= 10
    assert spread(one["samples_ms"]) == pytest.approx(one["latency_ms"], abs=2e-6)


def test_throughput_counts_images_not_batches(measured):
    one = _of(measured, "fp32", 5)
    seconds = sum(one["samples_ms"]) / 1e3
    assert one["throughput_images_per_s"] == pytest.approx(5 * len(one["samples_ms"]) / seconds, rel=1e-3)


def test_speedup_is_the_ratio_of_medians_at_the_same_batch(measured):
    reference, one = _of(measured, "fp32", 5), _of(measured, "int8", 5)
    assert one["speedup_vs_fp32"] == pytest.approx(reference["latency_ms"]["p50"] / one["latency_ms"]["p50"])
    assert reference["speedup_vs_fp32"] == 1.0


def test_there_is_no_speedup_without_fp32_in_the_same_run(bundle):
    result = measure(open_target(str(bundle)), precisions=["int8"], settings=QUICK)
    assert result["measurements"][0]["speedup_vs_fp32"] is None


def test_the_result_names_the_individual_and_no_folder(measured, pristine_bundle):
    assert (measured["individual"], measured["bundle"]) == ("g003-c1", "bundle")
    assert str(pristine_bundle.parent) not in str(measured)


def test_the_engine_is_described(measured):
    assert measured["engine"]["name"] == "onnxruntime"
    assert measured["engine"]["provider"] == "CPUExecutionProvider"
    assert measured["engine"]["threads"] == 1


def test_energy_that_cannot_be_read_is_null_with_a_reason(bundle, rails):
    rails.add("intel-rapl:0", "package-0", 5)
    settings = QUICK._replace(duration_s=0.7, idle_s=0.0)
    result = measure(open_target(str(bundle)), settings=settings, meter=Rapl.find(rails.sysfs))
    energy = _of(result, "fp32", 1)["energy"]
    assert energy["images_per_joule"] is None
    assert energy["reason"] == "rapl (package-0) showed no energy during the run; check the sensor"


def test_a_task_without_accuracy_is_not_scored_but_its_outputs_are_compared(bundle):
    write_manifest(bundle, task={"name": "heat", "metric": "mae", "unit": "level"})
    one = _of(measure(open_target(str(bundle)), settings=QUICK), "fp32", 1)
    assert one["accuracy_percent"] is None
    assert "metric is mae" in one["accuracy_reason"]
    assert one["max_abs_error"] < 1e-4


def test_outputs_that_are_not_finite_are_flagged_and_not_scored(bundle):
    arrays = read_npz(bundle)
    arrays["images"][3] = np.finfo(np.float32).max  # and the products of it are not finite
    np.savez(bundle / "samples.npz", **arrays)
    write_manifest(bundle)
    one = _of(measure(open_target(str(bundle)), settings=QUICK), "fp32", 1)
    assert one["accuracy_percent"] is None
    assert any(flag.startswith("not finite: ") for flag in one["flags"])


def test_a_bare_file_is_measured_without_accuracy(tmp_path):
    path = write_classifier(tmp_path / "small.onnx")
    result = measure(open_target(str(path)), settings=QUICK)
    (one,) = result["measurements"]
    assert (one["precision"], one["file"], one["accuracy_percent"]) == ("fp32", "small.onnx", None)
    assert (result["individual"], result["bundle"]) == (None, "small.onnx")


def test_a_bare_quantized_file_is_measured_as_it_is(bundle):
    (one,) = measure(open_target(str(bundle / "model.int8-cpu.onnx")), settings=QUICK)["measurements"]
    assert one["precision"] == "as-is"
    assert one["speedup_vs_fp32"] is None


def test_a_bare_file_has_no_other_precision(tmp_path):
    target = open_target(str(write_classifier(tmp_path / "small.onnx")))
    with pytest.raises(UserError, match="bare ONNX file, measured at fp32 and not at 'int8'"):
        measure(target, precisions=["int8"], settings=QUICK)


def test_a_free_size_other_than_the_batch_is_refused(tmp_path):
    path = write_classifier(tmp_path / "tall.onnx", height="height")
    with pytest.raises(UserError, match="height is not fixed"):
        measure_model(str(path), duration_s=0.01)


def test_a_fixed_batch_can_be_measured_at_that_batch_only(tmp_path):
    path = str(write_classifier(tmp_path / "two.onnx", batch=2))
    assert measure_model(path, batch=2, duration_s=0.01)["batch"] == 2
    with pytest.raises(UserError, match="fixed at 2 and 3 was asked for"):
        measure_model(path, batch=3, duration_s=0.01)


def test_a_batch_that_is_fixed_inside_the_graph_is_refused(tmp_path):
    nodes = [
        helper.make_node("Reshape", ["images", "shape"], ["row"]),
        helper.make_node("MatMul", ["row", "weight"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "reshape",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 4, 1])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, None)],
        [
            helper.make_tensor("shape", TensorProto.INT64, [2], [1, -1]),
            helper.make_tensor("weight", TensorProto.FLOAT, [4, 1], [1.0] * 4),
        ],
    )
    path = str(tmp_path / "reshape.onnx")
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7), path)
    assert measure_model(path, duration_s=0.01)["batch"] == 1
    with pytest.raises(UserError, match="fails at batch 2"):
        measure_model(path, batch=2, duration_s=0.01)


def test_a_model_with_two_inputs_is_refused(tmp_path):
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in "ab"]
    output = helper.make_tensor_value_info("c", TensorProto.FLOAT, [1, 4])
    graph = helper.make_graph([helper.make_node("Add", ["a", "b"], ["c"])], "add", inputs, [output])
    path = str(tmp_path / "add.onnx")
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7), path)
    with pytest.raises(UserError, match="has the inputs: a, b"):
        measure_model(path, duration_s=0.01)


def test_a_model_of_another_shape_than_promised_is_refused(tmp_path):
    path = str(write_classifier(tmp_path / "small.onnx"))
    with pytest.raises(UserError, match=r"takes images of \[1, 8, 8\] and \[1, 28, 28\] was expected"):
        measure_model(path, input_shape=(1, 28, 28), duration_s=0.01)


def test_quick_figures_of_a_file_hold_its_size(tmp_path):
    path = write_classifier(tmp_path / "small.onnx")
    figures = measure_model(str(path), input_shape=(1, 8, 8), duration_s=0.01)
    assert figures["bytes"] == path.stat().st_size
    assert figures["latency_ms"]["count"] >= 10
    assert "speedup" not in figures


def test_compared_models_have_ratios_of_medians_to_the_first(tmp_path):
    large = write_classifier(tmp_path / "large.onnx", channels=32)
    small = write_classifier(tmp_path / "small.onnx")
    compared = compare_models({"ancestor": str(large), "offspring": str(small)}, duration_s=0.05)
    ancestor, offspring = compared["models"]["ancestor"], compared["models"]["offspring"]
    assert compared["reference"] == "ancestor"
    assert ancestor["speedup"] == 1.0
    assert offspring["speedup"] == ancestor["latency_ms"]["p50"] / offspring["latency_ms"]["p50"]
    assert offspring["file"] == "small.onnx"


def test_a_missing_onnxruntime_is_named_with_the_package_to_install(tmp_path, monkeypatch):
    path = str(write_classifier(tmp_path / "small.onnx"))
    real_import = builtins.__import__

    def without(name, *rest):
        if name == "onnxruntime":
            raise ModuleNotFoundError("No module named 'onnxruntime'")
        return real_import(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UserError, match="pip install onnxruntime"):
        measure_model(path)
