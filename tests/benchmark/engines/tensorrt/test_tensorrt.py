"""TensorRT of every generation: what is built from which file, and that the answers are the model's."""

import json

import onnx
import pytest
from onnx import TensorProto, helper

from edgesynth.export.onnx.detections.decoding_graph import decode_in_graph, decoding_in_graph
from tests.metrics.test_boxes import HEADS, decoding_of

from ...conftest import write_classifier, write_manifest
from ..conftest import ORIN, TX2, VERSIONS, of

MACHINES = [("8.2", TX2), ("8.6", ORIN), ("10.3", ORIN), ("10.16", ORIN), ("11.1", ORIN)]


@pytest.mark.parametrize("version, gpu", MACHINES)
def test_every_precision_of_a_bundle_is_built_and_answers_as_expected(version, gpu, on_tensorrt):
    code, result, _, err = on_tensorrt(version, gpu, "--batch", "1,5")
    assert code == 0, err
    assert (result["engine"]["name"], result["engine"]["version"]) == ("tensorrt", VERSIONS[version])
    assert "engine: tensorrt (it can be imported here" in err
    for batch in (1, 5):
        assert of(result, "fp32", batch)["max_abs_error"] < 1e-4
        assert of(result, "fp32", batch)["accuracy_percent"] == 75.0
        assert 1e-5 < of(result, "fp16", batch)["max_abs_error"] < 1e-2
        assert 1e-2 < of(result, "int8", batch)["max_abs_error"] < 0.5


@pytest.mark.parametrize(
    "version, gpu, sources",
    [
        ("8.2", TX2, ["model.onnx", "model.onnx", "model.onnx + ranges.json"]),
        ("8.6", ORIN, ["model.onnx", "model.onnx", "model.int8.onnx"]),
        ("11.1", ORIN, ["model.onnx", "model.fp16.onnx", "model.int8.onnx"]),
    ],
)
def test_each_generation_builds_from_its_own_files(version, gpu, sources, on_tensorrt):
    _, result, _, _ = on_tensorrt(version, gpu)
    built = [of(result, name)["built"] for name in ("fp32", "fp16", "int8")]
    assert [one["source"] for one in built] == sources
    assert [one["requested"] for one in built] == ["fp32", "fp16", "int8"]
    assert [one["effective"] for one in built][:2] == ["fp32", "fp16"]


def test_int8_without_units_is_recorded_as_what_it_is_and_flagged(on_tensorrt):
    _, result, out, _ = on_tensorrt("8.2", TX2)
    one = of(result, "int8")
    assert one["built"]["native"] is False
    assert one["built"]["effective"] == "int8"
    assert "int8 x1 from model.onnx + ranges.json: runs at int8, copies in" in out
    assert "flag: int8 x1: no int8 units: NVIDIA Tegra X2 (sm_62) has none for int8" in out


def test_native_int8_is_not_flagged(on_tensorrt):
    _, result, _, _ = on_tensorrt("8.6", ORIN, "--precision", "int8")
    one = of(result, "int8")
    assert (one["built"]["native"], one["built"]["effective"]) == (True, "int8")
    assert not [flag for flag in one["flags"] if "int8" in flag]


@pytest.mark.parametrize("version", ["8.2", "10.3"])
def test_without_a_qdq_file_int8_is_calibrated_from_the_ranges(version, on_tensorrt, tensorrt_bundle):
    (tensorrt_bundle / "model.int8.onnx").unlink()
    write_manifest(tensorrt_bundle)
    code, result, _, err = on_tensorrt(version, ORIN, "--precision", "int8")
    assert code == 0, err
    coarse = of(result, "int8")["max_abs_error"]
    ranges = json.loads((tensorrt_bundle / "ranges.json").read_text())
    ranges["amax"]["images"] *= 20  # a scale twenty times as coarse: an error that grows with it shows that it was read
    (tensorrt_bundle / "ranges.json").write_text(json.dumps(ranges))
    write_manifest(tensorrt_bundle)
    _, result, _, _ = on_tensorrt(version, ORIN, "--precision", "int8")
    assert of(result, "int8")["max_abs_error"] > 5 * coarse


def test_tensorrt_11_without_typed_files_offers_fp32_alone(on_tensorrt, tensorrt_bundle):
    for name in ("model.int8.onnx", "model.fp16.onnx"):
        (tensorrt_bundle / name).unlink()
    write_manifest(tensorrt_bundle)
    _, result, _, _ = on_tensorrt("11.1", ORIN)
    assert result["settings"]["precisions"] == ["fp32"]
    code, _, _, err = on_tensorrt("11.1", ORIN, "--precision", "int8")
    assert (code, len(err.splitlines())) == (2, 1)
    assert "has no model int8 for --precision int8 on tensorrt; make one with: edgesynth export ... --int8" in err


def test_compute_is_timed_apart_by_the_clock_of_the_gpu(on_tensorrt):
    _, result, _, _ = on_tensorrt("10.3", ORIN, "--precision", "fp32")
    one = of(result, "fp32")
    assert one["compute_ms"]["count"] == 100
    assert 0 < one["compute_ms"]["p50"] < one["latency_ms"]["p90"]


@pytest.mark.parametrize(
    "arguments, wait", [((), "spin"), (("--wait", "spin"), "spin"), (("--wait", "block"), "block")]
)
def test_how_the_cpu_waits_is_recorded(on_tensorrt, arguments, wait):
    _, result, _, _ = on_tensorrt("8.2", TX2, "--precision", "fp32", *arguments)
    assert (result["engine"]["wait"], result["settings"]["wait"]) == (wait, arguments[-1] if arguments else None)


def test_the_context_of_the_gpu_is_made_to_wait_so(script):
    lines = "import pycuda.driver as cuda\nfrom edgesynth.benchmark.engines.tensorrt.runtime.gpu import open_gpu\n"
    lines += "make = cuda.Device.make_context\n"
    lines += "cuda.Device.make_context = lambda device, flags=0: (print(flags), make(device, flags))[1]\n"
    assert script("8.2", TX2, lines + "open_gpu('spin')") == "9"  # 1 is spinning, 8 maps the host's memory
    assert script("8.2", TX2, lines + "open_gpu('block'); open_gpu()") == "12"
    assert "this process waits for the GPU by block and --wait is spin" in script(
        "8.2", TX2, lines + "open_gpu('block'); open_gpu('spin')"
    )


def test_onnx_runtime_is_taken_where_it_is_asked_for(on_tensorrt):
    code, result, _, err = on_tensorrt("8.2", TX2, "--engine", "onnxruntime", "--precision", "fp32")
    assert code == 0, err
    assert result["engine"]["name"] == "onnxruntime"
    assert (of(result, "fp32")["built"], of(result, "fp32")["compute_ms"]) == (None, None)
    assert "engine:" not in err


def test_the_reason_of_a_build_that_fails_after_another_is_told(on_tensorrt, tensorrt_bundle):
    refused = "TensorRT 8.2.1.8 cannot build {} at int8 and batch 1 (tactics are spent); try --precision fp32"
    code, _, _, err = on_tensorrt("8.2", TX2, "--precision", "fp32,int8", STANDIN_FAILS="INT8")
    assert (code, len(err.splitlines())) == (2, 1)
    assert refused.format(tensorrt_bundle / "model.onnx") in err


def test_an_engine_that_is_still_held_at_the_end_goes_before_the_context_of_the_gpu(script, pristine_tensorrt_bundle):
    lines = "from edgesynth.benchmark.engines.tensorrt.engine import TensorRt\nheld = TensorRt()\n"
    lines += "held.load({!r}, 'fp16', 3, 1)\nprint(held.input_shape)".format(
        str(pristine_tensorrt_bundle / "model.onnx")
    )
    assert script("8.2", TX2, lines) == "(1, 8, 8)"


def test_a_tensorrt_older_than_80_is_one_line(on_tensorrt, tmp_path):
    old = tmp_path / "old"
    old.mkdir()
    (old / "tensorrt.py").write_text("__version__ = '7.1.3.0'\n")
    code, _, _, err = on_tensorrt("8.2", TX2, PYTHONPATH=str(old))
    assert (code, len(err.splitlines())) == (2, 1)
    assert "TensorRT 7.1.3.0 is older than 8.0, which JetPack 4.6 has" in err


def test_without_pycuda_it_is_said_how_to_install_it(on_tensorrt, tmp_path):
    (tmp_path / "alone").mkdir()
    (tmp_path / "alone" / "tensorrt.py").write_text("__version__ = '8.2.1.8'\n")
    code, _, _, err = on_tensorrt("8.2", TX2, PYTHONPATH=str(tmp_path / "alone"))
    assert (code, len(err.splitlines())) == (2, 1)
    assert "the engine tensorrt needs pycuda or cuda-bindings, and neither can be imported here (No module" in err


def test_a_bare_plain_file_is_built_at_fp16_if_asked(on_tensorrt, tmp_path):
    write_classifier(tmp_path / "small.onnx", batch=4)
    code, result, _, err = on_tensorrt(
        "8.2", TX2, "--batch", "4", "--precision", "fp32,fp16", target=tmp_path / "small.onnx"
    )
    assert code == 0, err
    assert [one["built"]["effective"] for one in result["measurements"]] == ["fp32", "fp16"]


def _network(path, nodes, inputs, output):
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 1, 8, 8]) for name in (*inputs, output)]
    graph = helper.make_graph([helper.make_node(*node) for node in nodes], "network", values[:-1], values[-1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7), str(path))
    return path


def _refused(tmp_path):
    nodes = [("Relu", ["x"], ["a"], "/relu"), ("Reciprocal", ["a"], ["b"], "/one/over")]
    return _network(tmp_path / "refused.onnx", nodes, ["x"], "b")


def _two_inputs(tmp_path):
    return _network(tmp_path / "two.onnx", [("Add", ["x", "y"], ["z"])], ["x", "y"], "z")


def _no_onnx(tmp_path):
    (tmp_path / "text.onnx").write_text("once upon a time")
    return tmp_path / "text.onnx"


def _fixed(tmp_path):
    return write_classifier(tmp_path / "fixed.onnx", batch=4)


def _free_height(tmp_path):
    return write_classifier(tmp_path / "free.onnx", height="height")


def _quantized(tmp_path):
    return tmp_path / "bundle" / "model.int8.onnx"


@pytest.mark.parametrize(
    "version, gpu, target, environment, said",
    [
        ("8.2", TX2, _refused, {}, "refuses {}: node /one/over (Reciprocal): No importer registered"),
        ("8.2", TX2, _no_onnx, {}, "{} is not an ONNX model (wire type 7); export it again"),
        ("10.3", ORIN, _no_onnx, {}, "{} is not an ONNX model (wire type 7); export it again"),
        (
            "8.2",
            TX2,
            _quantized,
            {},
            "{} holds Q/DQ nodes and the GPU of this board (NVIDIA Tegra X2, sm_62) has no",
        ),
        ("8.6", ORIN, _fixed, {}, "the batch of {} is fixed at 4 and 1 was asked for"),
        ("11.1", ORIN, _two_inputs, {}, "{} has the inputs: x, y; only a model with exactly one can be measured"),
        ("11.1", ORIN, _free_height, {}, "-1 is not fixed, and only the batch may be free"),
        ("8.2", TX2, _fixed, {"STANDIN_GPU": ""}, "no GPU can be used here (cuInit failed: no CUDA-capable device"),
    ],
)
def test_what_cannot_be_built_is_one_line(version, gpu, target, environment, said, on_tensorrt, tmp_path):
    path = target(tmp_path)
    code, _, out, err = on_tensorrt(version, gpu, target=path, **environment)
    assert (code, out, len(err.splitlines())) == (2, "", 1), err
    assert said.format(path) in err
    assert not (tmp_path / "measured.json").exists()
    assert not list((tmp_path / "cache").glob("**/plan-*"))


@pytest.mark.parametrize("version, gpu", [("8.2", TX2), ("10.3", ORIN)])
def test_a_file_that_suppresses_boxes_itself_is_built_with_tensorrt_s_plugins_where_it_needs_them(
    version, gpu, on_tensorrt, tmp_path
):
    path = tmp_path / "boxes.onnx"
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 24, 8, 8]) for name in ("images", "logits")]
    graph = helper.make_graph([helper.make_node("Identity", ["images"], ["logits"])], "grid", values[:1], values[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7), str(path))
    decode_in_graph(path, decoding_in_graph(decoding_of(HEADS[0]), (24, 8, 8)))
    code, result, _, err = on_tensorrt(version, gpu, "--precision", "fp32", target=path)
    assert code == 0 and of(result, "fp32")["latency_ms"]["count"] > 0, err
