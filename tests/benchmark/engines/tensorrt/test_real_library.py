"""Our path to a plan through NVIDIA's real parser and builder, and the stand-in held to them.

TensorRT for RTX has the Python API of TensorRT 11, which the stand-in plays too. It builds here and runs nothing: that
takes a GPU.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edgesynth.benchmark.engines.tensorrt.for_rtx import TensorRtForRtx
from edgesynth.tensorrt_rtx import import_tensorrt_rtx
from tests.planning.networks import lenet, quantized, residual, single

from ..conftest import ORIN, VERSIONS, with_tensorrt

NAMES = json.loads((Path(__file__).parents[2] / "tensorrt_standin" / "names.json").read_text())["11.1"]
# TensorRT's own, at 11.1, of which RTX 1.7 lacks these.
NOT_OF_RTX = {
    "Builder": {"build_engine_with_config"},
    "IBuilderConfig": {"remote_auto_tuning_config"},
    "INetworkDefinition": {"has_implicit_batch_dimension", "serialize"},
    "ITensor": {"broadcast_across_batch", "location"},
    "NetworkDefinitionCreationFlag": {"PREFER_AOT_PYTHON_PLUGINS", "PREFER_JIT_PYTHON_PLUGINS"},
}
# The stand-in reads this before the module is there.
REAL = "from edgesynth.tensorrt_rtx import import_tensorrt_rtx\ntrt = import_tensorrt_rtx()\n"
PLAYED = "import tensorrt as trt, pycuda.driver as cuda\ncuda.init(); cuda.Device(0).make_context()\n"
BEGIN = """
import json, sys
class Log(trt.ILogger):
    def __init__(self): trt.ILogger.__init__(self); self.errors = []
    def log(self, severity, message):
        if severity.name in ("ERROR", "INTERNAL_ERROR"): self.errors.append(message)
log = Log()
def answer(lines):
    del log.errors[:]
    builder = trt.Builder(log); config = builder.create_builder_config(); network = builder.create_network(0)
    names = dict(paths, trt=trt, log=log, builder=builder, config=config, network=network)
    names["parser"] = trt.OnnxParser(network, log)
    try:
        exec(lines, names)
    except Exception as error:
        return type(error).__name__
    return str(names["said"])
paths, cases = json.loads(sys.argv[1]); print(json.dumps([answer(lines) for lines in cases]))
"""
GONE = [
    "trt.BuilderFlag.FP16",
    "trt.BuilderFlag.INT8",
    "trt.NetworkDefinitionCreationFlag.EXPLICIT_BATCH",
    "trt.IInt8EntropyCalibrator2",
    "trt.ICudaEngine.num_bindings",
    "builder.platform_has_fast_int8",
    "builder.build_engine(network, config)",
    "config.int8_calibrator = 1",
    "config.max_workspace_size = 1",
]
# {lines: what both say}
ALIKE = {
    "said = parser.parse_from_file(plain), parser.num_errors": "(True, 0)",
    "said = parser.parse_from_file(qdq), parser.num_errors": "(True, 0)",
    "said = parser.parse_from_file(biased), parser.get_error(0).node_operator()": "(False, 'DequantizeLinear')",
    "said = parser.parse_from_file(no_onnx), parser.get_error(0).code().name": "(False, 'MODEL_DESERIALIZE_FAILED')",
    "parser.parse_from_file(plain)\n"
    "said = builder.build_serialized_network(network, config) is None, len(log.errors) > 0": "(True, True)",
    "parser.parse_from_file(plain); profile = builder.create_optimization_profile()\n"
    "profile.set_shape('images', (2, 3, 16, 16), (2, 3, 16, 16), (2, 3, 16, 16))\n"
    "config.add_optimization_profile(profile)\n"
    "said = builder.build_serialized_network(network, config).nbytes > 0": "True",
    "parser.parse_from_file(plain); image = network.get_input(0)\n"
    "said = network.num_inputs, image.name, tuple(image.shape), image.dtype.name": (
        "(1, 'images', (-1, 3, 16, 16), 'FLOAT')"
    ),
}


@pytest.fixture(scope="module", params=["stand-in", "real"])
def answers(request, tmp_path_factory):
    """What the stand-in, or the real library, says to each of the lines, in one process."""
    folder = tmp_path_factory.mktemp("files")
    plain = residual(folder / "plain.onnx")
    (folder / "no.onnx").write_bytes(b"no model")
    paths = {
        "plain": str(plain),
        "qdq": str(quantized(plain, folder / "qdq.onnx")),
        "biased": str(quantized(lenet(folder / "lenet.onnx"), folder / "biased.onnx", for_tensorrt=False)),
        "no_onnx": str(folder / "no.onnx"),
    }
    environment, library = dict(os.environ), REAL
    if request.param == "stand-in":
        environment.update(with_tensorrt(VERSIONS["11.1"], ORIN, folder / "cache"))
        library = PLAYED
    cases = [*GONE, *ALIKE]
    command = [sys.executable, "-c", library + BEGIN, json.dumps([paths, cases])]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return dict(zip(cases, json.loads(done.stdout), strict=True))


@pytest.mark.parametrize("kind", sorted(NAMES))
def test_the_stand_in_has_no_name_that_the_real_library_lacks(kind):
    real = getattr(import_tensorrt_rtx(), kind)
    assert {name for name in NAMES[kind].split() if not hasattr(real, name)} == NOT_OF_RTX.get(kind, set())


@pytest.mark.parametrize("line", GONE)
def test_both_refuse_what_tensorrt_11_has_no_more(answers, line):
    assert answers[line] == "AttributeError"


@pytest.mark.parametrize("lines", ALIKE)
def test_both_take_and_refuse_the_same_files_and_builds(answers, lines):
    assert answers[lines] == ALIKE[lines]


# Our own path, from a request to the bytes of a plan and back out of the cache.
BUILD = """
from edgesynth.benchmark.engines.tensorrt.for_rtx import TensorRtForRtx
from edgesynth.benchmark.engines.tensorrt.plans import plan_cache
from edgesynth.benchmark.engines.tensorrt.plans.building import build
from edgesynth.benchmark.engines.tensorrt.request import Request
from edgesynth.benchmark.engines.tensorrt.runtime.gpu import Gpu
from edgesynth.benchmark.engines.tensorrt.runtime.log import the_log
from edgesynth.boards.power_state import power_state
generation = TensorRtForRtx._called(); trt = generation.trt; log = the_log(trt)
sizes = {"multiprocessors": 1, "total_bytes": 8 << 30}
absent = Gpu(cuda=None, name="none", sm=(8, 6), driver=12090, wait="spin", package="pycuda", **sizes)
def plan_of(path, precision, batch=1):
    request = Request(path, precision, batch, precision == "int8", None, None, ())
    key = plan_cache.plan_key(trt.__version__, absent, power_state(), request)
    timings = plan_cache.timings_key(trt.__version__, absent, power_state())
    kept = plan_cache.find(key)
    if kept is not None:
        return kept.content, True
    known = plan_cache.find(timings)
    built = build(generation, absent, log, request, known.content if known else b"")
    assert plan_cache.keep(key, built.plan, {}) is None and plan_cache.keep(timings, built.timings, {}) is None
    return built.plan, False
"""


@pytest.fixture
def ours(tmp_path):
    def run(lines):
        environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
        done = subprocess.run([sys.executable, "-c", BUILD + lines], env=environment, capture_output=True, text=True)
        return done.stdout.strip() if done.returncode == 0 else done.stderr.strip().splitlines()[-1]

    return run


def test_every_form_of_a_bundle_becomes_a_plan(ours, pristine_tensorrt_bundle):
    for file, precision in (("model.onnx", "fp32"), ("model.fp16.onnx", "fp16"), ("model.int8.onnx", "int8")):
        path = str(pristine_tensorrt_bundle / file)
        assert ours(f"plan, kept = plan_of({path!r}, {precision!r}, 2)\nprint(len(plan) > 1000, kept)") == "True False"


def test_a_plan_comes_out_of_the_cache_as_it_was_built_and_another_batch_does_not(ours, pristine_tensorrt_bundle):
    path = str(pristine_tensorrt_bundle / "model.onnx")
    lines = f"path = {path!r}; a, _ = plan_of(path, 'fp32'); b, kept = plan_of(path, 'fp32')\n"
    lines += "_, other = plan_of(path, 'fp32', 4)"
    assert ours(lines + "\nprint(a == b, kept, other)") == "True True False"
    assert ours(f"print(plan_of({path!r}, 'fp32')[1])") == "True"


def test_a_refusal_is_in_the_parser_s_words(ours, tmp_path):
    path = str(single(tmp_path / "det.onnx", "Det"))
    said = ours(f"plan_of({path!r}, 'fp32')")
    assert said.startswith("edgesynth.errors.UserError: TensorRT 1.7.1.116 refuses") and "node it (Det)" in said
    path = str(quantized(lenet(tmp_path / "m.onnx"), tmp_path / "q.onnx", for_tensorrt=False))
    assert "input has type Int32 but must have type" in ours(f"plan_of({path!r}, 'int8')")


def test_the_candidates_are_one_file_for_each_precision():
    assert TensorRtForRtx._called().candidates(True) == {"fp32": ("fp32",), "fp16": ("fp16",), "int8": ("int8",)}


def test_without_a_gpu_the_engine_says_what_it_lacks(edgesynth, pristine_tensorrt_bundle):
    code, _, err = edgesynth("benchmark", pristine_tensorrt_bundle, "--engine", "tensorrt-rtx")
    assert code == 2 and "needs pycuda" in err
