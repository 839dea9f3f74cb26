"""The stand-in is as strict as the real one: a test against it that passes means something."""

import pytest

from ..conftest import ORIN, TX2

BEGIN = """
import tensorrt as trt, pycuda.driver as cuda, numpy as np
cuda.init(); context = cuda.Device(0).make_context()
class Log(trt.ILogger):
    def __init__(self): trt.ILogger.__init__(self); self.lines = []
    def log(self, severity, message): self.lines.append(message)
log = Log()
builder = trt.Builder(log); config = builder.create_builder_config()
def parse(path, flags=1):
    network = builder.create_network(flags); parser = trt.OnnxParser(network, log)
    return network if parser.parse_from_file(path) else None
def shaped(network, batch=2):
    profile = builder.create_optimization_profile()
    profile.set_shape("images", (batch, 1, 8, 8), (batch, 1, 8, 8), (batch, 1, 8, 8))
    config.add_optimization_profile(profile)
    return network
def load(path, flags=1):
    plan = builder.build_serialized_network(shaped(parse(path, flags)), config)
    return trt.Runtime(log).deserialize_cuda_engine(plan)
"""


@pytest.mark.parametrize(
    "version, line",
    [
        ("8.2", "config.set_memory_pool_limit"),
        ("8.2", "trt.MemoryPoolType"),
        ("8.2", "trt.IExecutionContext.execute_async_v3"),
        ("10.3", "config.max_workspace_size = 1"),
        ("10.3", "trt.ICudaEngine.num_bindings"),
        ("10.3", "builder.build_engine"),
        ("11.1", "trt.NetworkDefinitionCreationFlag.EXPLICIT_BATCH"),
        ("11.1", "trt.BuilderFlag.FP16"),
        ("11.1", "trt.IInt8EntropyCalibrator2"),
        ("11.1", "builder.platform_has_fast_int8"),
        ("11.1", "config.int8_calibrator = 1"),
    ],
)
def test_a_name_that_the_version_does_not_have_is_an_attribute_error(version, line, script):
    assert script(version, ORIN, BEGIN + line).startswith("AttributeError")


@pytest.mark.parametrize(
    "version, gpu, lines, said",
    [
        ("8.2", TX2, "assert parse(plain, flags=0) is None", "explicit batch"),
        ("8.6", ORIN, "assert parse(plain, flags=0) is None", "explicit batch"),
        (
            "8.2",
            TX2,
            "assert builder.build_serialized_network(parse(plain), config) is None",
            "no optimization profile",
        ),
        (
            "8.2",
            TX2,
            "config.set_flag(trt.BuilderFlag.INT8)\n"
            "assert builder.build_serialized_network(shaped(parse(qdq)), config) is None",
            "require hardware with Int8 support",
        ),
        (
            "8.6",
            ORIN,
            "assert builder.build_serialized_network(shaped(parse(qdq)), config) is None",
            "int8 is not configured",
        ),
        (
            "8.2",
            TX2,
            "config.set_flag(trt.BuilderFlag.INT8)\n"
            "assert builder.build_serialized_network(shaped(parse(plain)), config) is None",
            "no scaling factors detected",
        ),
        (
            "8.2",
            TX2,
            "class Old(trt.IInt8EntropyCalibrator2):\n"
            "    def read_calibration_cache(self): return b'TRT-8001-EntropyCalibration2\\nimages: 3caa54fc\\n'\n"
            "    def get_batch_size(self): return 2\n"
            "    def get_batch(self, names): return None\n"
            "config.set_flag(trt.BuilderFlag.INT8); config.int8_calibrator = Old()\n"
            "assert builder.build_serialized_network(shaped(parse(plain)), config) is None",
            "Calibration failure",
        ),
        (
            "8.2",
            TX2,
            "context = load(plain).create_execution_context(); stream = cuda.Stream()\n"
            "assert not context.execute_async_v2([1, 2], stream.handle)",
            "not all shapes are specified",
        ),
        (
            "8.2",
            TX2,
            "context = load(plain).create_execution_context(); context.set_binding_shape(0, (2, 1, 8, 8))\n"
            "assert not context.execute_async_v2([1], cuda.Stream().handle)",
            "1 bindings were given",
        ),
        (
            "10.3",
            ORIN,
            "context = load(plain).create_execution_context(); assert context.set_input_shape('images', (2, 1, 8, 8))\n"
            "assert not context.execute_async_v3(cuda.Stream().handle)",
            "Address is not set for tensor images",
        ),
        (
            "10.3",
            ORIN,
            "assert not load(plain).create_execution_context().set_input_shape('images', (3, 1, 8, 8))",
            "outside of the profile",
        ),
        (
            "8.2",
            TX2,
            "plan = bytes(builder.build_serialized_network(shaped(parse(plain)), config))\n"
            "assert trt.Runtime(log).deserialize_cuda_engine(plan.replace(b'8.2.1.8', b'8.0.1.6')) is None",
            "not compatible with this version",
        ),
    ],
)
def test_misuse_is_refused_with_a_reason(version, gpu, lines, said, script, pristine_tensorrt_bundle):
    paths = "plain, qdq = {!r}, {!r}\n".format(
        str(pristine_tensorrt_bundle / "model.onnx"), str(pristine_tensorrt_bundle / "model.int8.onnx")
    )
    assert said in script(version, gpu, BEGIN + paths + lines + "\nprint(log.lines[-1])")


def test_what_nobody_waited_for_has_not_happened(script):
    lines = """
host = cuda.pagelocked_empty((4,), np.float32); device = cuda.mem_alloc(16); stream = cuda.Stream()
host[:] = 3; cuda.memcpy_htod_async(device, host, stream); host[:] = 5
cuda.memcpy_dtoh_async(host, device, stream); before = host.copy(); stream.synchronize()
print(before[0], host[0])
"""
    # The copies are both late: what was put into page-locked memory in between is what travels.
    assert script("8.2", TX2, BEGIN + lines) == "5.0 5.0"
    pageable = "cuda.memcpy_htod_async(cuda.mem_alloc(16), np.zeros(4, np.float32), cuda.Stream())"
    assert script("8.2", TX2, BEGIN + pageable).startswith("TypeError")
