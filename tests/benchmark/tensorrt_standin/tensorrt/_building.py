"""Logger, parser, builder: an ONNX file becomes a plan, or is refused as the real one refuses it."""

import json
import os
import struct
import time

import numpy as np
import onnxruntime
import standin_device as cuda

from edgesynth.benchmark.engines.onnx_bytes import _graph, nodes_of, writers_of
from edgesynth.files.protobuf import fields_of
from tensorrt._strict import NUMBERS, VERSION, Strict, member

# onnx-tensorrt 8.2-GA, operators.md: what that parser does not have, as far as the tests meet it.
_REFUSED_BY_82 = ("Reciprocal", "Mod", "OneHot", "QLinearConv", "LayerNormalization", "HardSwish")
_CACHE_NUMBERS = {"8.2.1.8": 8201, "8.6.1.6": 8601, "10.3.0.26": 100300, "10.16.0.72": 101600}
_loggers = {}
# Times the bytes of the images, while kernels are tried.
_BUILD_NEEDS = 16
_QDQ = ("QuantizeLinear", "DequantizeLinear")
_FLOAT16, _DATA_TYPE, _INITIALIZER = 10, 2, 5


_KINDS = {"Conv": "CONVOLUTION", "Gemm": "FULLY_CONNECTED", "MatMul": "MATRIX_MULTIPLY", "Shape": "SHAPE"}
_plugins = []


def init_libnvinfer_plugins(logger, namespace):
    _plugins.append(namespace)
    return True


class ILogger:
    def __init__(self):
        self._ready = True

    def log(self, severity, message):
        raise NotImplementedError("a logger of one's own has a method log")


def tell(logger, severity, message):
    # The real one's trampoline is noexcept: what is raised in there is printed and lost.
    try:
        logger.log(member("Severity", severity), message)
    except BaseException as error:
        os.write(2, f"[ERROR] Exception caught in log(): {error!r}\n".encode())


def fail(logger, message):
    tell(logger, "ERROR", message)


def no_memory(logger, where, size):
    """The lines that TensorRT 8.6 logs (NVIDIA/TensorRT#3017)."""
    fail(logger, "1: [defaultAllocator.cpp::allocate::19] Error Code 1: Cuda Runtime (out of memory)")
    tell(logger, "WARNING", f"Requested amount of GPU memory ({size} bytes) could not be allocated.")
    fail(logger, f"2: [{where}] Error Code 2: OutOfMemory (no further information)")


def depends(thing, logger):
    """Enter what lives on the GPU, and hold the process to one logger."""
    cuda._needs_context()
    cuda._dependents.add(thing)
    if _loggers.setdefault("first", logger) is not logger:
        raise SystemError("TensorRT keeps the first logger alone: what this one should hear is lost")


class IInt8EntropyCalibrator2:
    def __init__(self):
        self._ready = True

    def get_batch_size(self):
        raise NotImplementedError

    def get_batch(self, names):
        raise NotImplementedError

    def read_calibration_cache(self):
        raise NotImplementedError

    def write_calibration_cache(self, cache):
        raise NotImplementedError


class IHostMemory(Strict):
    def __init__(self, content):
        self._content = content

    @property
    def nbytes(self):
        return len(self._content)

    def __bytes__(self):
        return self._content


class ITensor(Strict):
    def __init__(self, name, shape=(), kind="FLOAT"):
        self._name, self._shape = name, shape
        self._kind = kind

    @property
    def dtype(self):
        return member("DataType", self._kind)

    @property
    def name(self):
        return self._name

    @property
    def shape(self):
        return self._shape


class ILayer(Strict):
    """A layer of the parser's: one that helps has no name of the file's, nor has its tensor."""

    def __init__(self, name, kind, tensors):
        self._name, self._kind, self._tensors = name, kind, tensors
        self._precision, self._output_types = None, {}

    @property
    def name(self):
        return self._name

    @property
    def type(self):
        return member("LayerType", self._kind)

    @property
    def num_outputs(self):
        return len(self._tensors)

    def get_output(self, place):
        return self._tensors[place]

    @property
    def precision(self):
        return self._precision

    @precision.setter
    def precision(self, kind):
        if self._tensors[0].dtype != kind:
            raise SystemError(f"{self._name} is of {self._tensors[0].dtype.name}: {kind.name} cannot be set")
        self._precision = kind

    def set_output_type(self, place, kind):
        if self._tensors[place].dtype != kind:
            raise SystemError(f"{self._name} writes {self._tensors[place].dtype.name}, not {kind.name}")
        self._output_types[place] = kind


def _layers(path):
    """What a parser makes of each node: the reductions need a constant and a layer that helps."""
    writers, kinds = writers_of(path), {node.name: node.op for node in nodes_of(path)}
    layers = []
    for tensor, node in writers.items():
        number = len(layers)
        if kinds[node].startswith("Reduce"):
            layers.append(_helper(number, "CONSTANT", "Constant", "FLOAT"))
            layers.append(_helper(number + 1, "SHUFFLE", "Shuffle", "INT32"))
            layers.append(_helper(number + 2, "ELEMENTWISE", "ElementWise", "FLOAT"))
        whole = kinds[node] in ("Shape", "Size")
        kind = _KINDS.get(kinds[node], "ELEMENTWISE")
        layers.append(ILayer(node, kind, [ITensor(tensor, kind="INT32" if whole else "FLOAT")]))
    return layers


def _helper(number, kind, word, dtype):
    name = f"(Unnamed Layer* {number}) [{word}]"
    return ILayer(name, kind, [ITensor(f"{name}_output", kind=dtype)])


class INetworkDefinition(Strict):
    def __init__(self, logger, flags):
        self._logger, self._flags = logger, flags
        self._model = self._session = None
        self._quantized = self._half = False
        self._layers = []

    @property
    def num_layers(self):
        return len(self._layers)

    def get_layer(self, number):
        return self._layers[number]

    @property
    def num_inputs(self):
        return len(self._session.get_inputs())

    def get_input(self, number):
        one = self._session.get_inputs()[number]
        return ITensor(one.name, tuple(size if isinstance(size, int) else -1 for size in one.shape))


class ParserError(Strict):
    def __init__(self, code, desc, node=-1, name="", op=""):
        self._code, self._desc, self._node, self._name, self._op = code, desc, node, name, op

    def code(self):
        return member("ErrorCode", self._code)

    def desc(self):
        return self._desc

    def node(self):
        return self._node

    def node_name(self):
        return self._name

    def node_operator(self):
        return self._op


class OnnxParser(Strict):
    def __init__(self, network, logger):
        self._network, self._logger, self._errors = network, logger, []

    @property
    def num_errors(self):
        return len(self._errors)

    def get_error(self, number):
        return self._errors[number]

    def parse_from_file(self, path):
        if NUMBERS < (10,) and not self._network._flags & 1:
            desc = "Assertion failed: This version of the ONNX parser only supports networks with an explicit batch"
            return self._refuse(ParserError("INVALID_VALUE", desc))
        nodes = list(nodes_of(path))
        for number, node in enumerate(nodes):
            if NUMBERS < (8, 4) and node.op in _REFUSED_BY_82:
                desc = f"No importer registered for op: {node.op}"
                self._refuse(ParserError("UNSUPPORTED_NODE", desc, number, node.name, node.op))
            if NUMBERS < (8, 5) and node.op == "NonMaxSuppression" and not _plugins:
                desc = "EfficientNMS_ONNX_TRT plugin was not found in the plugin registry!"
                self._refuse(ParserError("UNSUPPORTED_NODE", desc, number, node.name, node.op))
        if self._errors:
            return False
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = 1
        try:
            self._network._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's have no common base
            return self._refuse(ParserError("MODEL_DESERIALIZE_FAILED", str(error)))
        with open(path, "rb") as file:
            self._network._model = file.read()
        self._network._layers = _layers(path)
        self._network._quantized = any(node.op in _QDQ for node in nodes)
        self._network._half = any(
            dict(fields_of(tensor)).get(_DATA_TYPE) == _FLOAT16 for tensor in _graph(path, _INITIALIZER)
        )
        return True

    def _refuse(self, error):
        self._errors.append(error)
        fail(self._logger, error.desc())
        return False


class IOptimizationProfile(Strict):
    def __init__(self):
        self._shapes = {}

    def set_shape(self, name, least, best, most):
        self._shapes[name] = [list(least), list(most)]


class ITimingCache(Strict):
    def __init__(self, content):
        self._content = content

    def serialize(self):
        return IHostMemory(self._content)


class IBuilderConfig(Strict):
    max_workspace_size = 16 << 20
    int8_calibrator = None
    profiling_verbosity = member("ProfilingVerbosity", "LAYER_NAMES_ONLY")

    def __init__(self):
        self._flags = {"TF32"}
        self._pools = {}
        self._profiles = []
        self._calibration_profile = None
        self._timings = None

    def set_flag(self, flag):
        self._flags.add(flag.name)

    def clear_flag(self, flag):
        self._flags.discard(flag.name)

    def set_memory_pool_limit(self, pool, size):
        self._pools[pool.name] = size

    def add_optimization_profile(self, profile):
        self._profiles.append(profile)
        return len(self._profiles) - 1

    def set_calibration_profile(self, profile):
        self._calibration_profile = profile
        return True

    def create_timing_cache(self, content):
        return ITimingCache(content)

    def set_timing_cache(self, cache, ignore_mismatch):
        if cache._content and not cache._content.startswith(VERSION.encode()):
            return False
        self._timings = cache
        return True

    def get_timing_cache(self):
        return self._timings


class Builder(Strict):
    def __init__(self, logger):
        if not getattr(logger, "_ready", False):
            raise TypeError("tensorrt.Builder.__init__(): ILogger.__init__ was not called")
        depends(self, logger)
        self._logger = logger

    @property
    def platform_has_fast_int8(self):
        return _has_int8()

    def create_network(self, flags=0):
        if NUMBERS >= (11,) and flags & 1:
            raise TypeError("flag 0 is gone from NetworkDefinitionCreationFlag")
        return INetworkDefinition(self._logger, flags)

    def create_builder_config(self):
        return IBuilderConfig()

    def create_optimization_profile(self):
        return IOptimizationProfile()

    def build_serialized_network(self, network, config):
        self._try_kernels()
        size = _BUILD_NEEDS * _input_bytes(network, config)
        if size > cuda.mem_get_info()[0]:
            no_memory(self._logger, "virtualMemoryBuffer.cpp::resizePhysical::160", size)
            return None
        scale = None
        problem = self._problem(network, config)
        if problem is None and config._calibrator is not None:
            scale, problem = _calibrated(config._calibrator, network, config)
        if problem is not None:
            fail(self._logger, problem)
            return None
        content = config._timings._content if config._timings is not None else b""
        config._timings = ITimingCache((content or VERSION.encode()) + b" one more kernel")
        header = {
            "tensorrt": VERSION,
            "gpu": os.environ["STANDIN_GPU"],
            "precision": _precision(network, config),
            "detailed": config.profiling_verbosity.name == "DETAILED",
            "profiles": [profile._shapes for profile in config._profiles],
            "input_scale": scale,
            "started_with_timings": len(content),
            "kept": _kept(network, config),
        }
        return IHostMemory(json.dumps(header).encode() + b"\n" + network._model)

    def _try_kernels(self):
        """Nothing stops it for $STANDIN_BUILD_S, and it calls back all the while; $STANDIN_BUILDS then exists."""
        if "STANDIN_BUILDS" in os.environ:
            open(os.environ["STANDIN_BUILDS"], "w").close()
        end = time.monotonic() + float(os.environ.get("STANDIN_BUILD_S", 0))
        while time.monotonic() < end:
            tell(self._logger, "VERBOSE", "Tactic: 0x0000000000000004 Time: 0.02")
            time.sleep(0.02)

    def _problem(self, network, config):
        if os.environ.get("STANDIN_FAILS") == _precision(network, config):
            return "tactics are spent"
        if any(-1 in network.get_input(number).shape for number in range(network.num_inputs)) and not config._profiles:
            return "Network has dynamic or shape inputs, but no optimization profile has been defined."
        if network._quantized and not _has_int8():
            return (
                "9: [standardEngineBuilder.cpp::buildEngine::1631] Error Code 9: Internal Error (Networks with "
                "QuantizeLayer/DequantizeLayer layers require hardware with Int8 support.)"
            )
        if NUMBERS >= (11,):
            return None
        if network._quantized and "INT8" not in config._flags:
            return "Int8 precision has been set for a layer, but int8 is not configured in the builder"
        if "INT8" in config._flags and not network._quantized and config._calibrator is None:
            return "Calibrator is not being used. Users must provide dynamic range for all tensors"
        return None


def _kept(network, config):
    """[whether it computes in FP32, whether it writes it] of each layer that was told so, where that is obeyed."""
    if not config._flags & {"OBEY_PRECISION_CONSTRAINTS", "STRICT_TYPES"}:
        return {}
    return {
        layer.name: [layer._precision is not None, bool(layer._output_types)]
        for layer in network._layers
        if layer._precision is not None or layer._output_types
    }


def _input_bytes(network, config):
    shape = network.get_input(0).shape
    if -1 in shape and config._profiles:
        shape = config._profiles[0]._shapes[network.get_input(0).name][1]
    return 4 * int(np.prod([max(size, 1) for size in shape]))


def _calibrated(calibrator, network, config):
    """(scale of the network's input, None) or (None, why there is none)."""
    name = network.get_input(0).name
    if not getattr(calibrator, "_ready", False):
        raise SystemError("segmentation fault: IInt8EntropyCalibrator2.__init__ was not called")
    header = f"TRT-{_CACHE_NUMBERS[VERSION]}-EntropyCalibration2"
    lines = (calibrator.read_calibration_cache() or b"").decode().splitlines()
    if lines[:1] != [header]:
        # A cache of another version is passed over, and calibration begins.
        scale, problem = _calibrate(calibrator, network, config)
        if problem is None:
            bits = struct.pack(">f", scale).hex().lstrip("0")
            calibrator.write_calibration_cache(f"{header}\n{name}: {bits}\n".encode())
        return scale, problem
    scales = dict(line.rsplit(": ", 1) for line in lines[1:])
    return struct.unpack(">f", bytes.fromhex(scales[name].zfill(8)))[0], None


def _calibrate(calibrator, network, config):
    """The range of the network's input over all that the calibrator shows, read where TensorRT reads it: on the GPU."""
    one = network.get_input(0)
    shape = one.shape
    if -1 in shape:
        # The real one warns that it runs calibration with profile 0 where none is set for it.
        shape = (config._calibration_profile or config._profiles[0])._shapes[one.name][1]
    if calibrator.get_batch_size() != shape[0]:
        return None, f"Calibration batch {calibrator.get_batch_size()} is not the profile's {shape[0]}"
    size = 4 * int(np.prod(shape))
    amax = 0.0
    for _ in range(10000):
        pointers = calibrator.get_batch([one.name])
        if pointers is None:
            break
        (address,) = pointers
        if len(cuda._memory[address]) < size:
            raise SystemError("segmentation fault: a batch is smaller than the network's input")
        amax = max(amax, float(np.abs(cuda._memory[address][:size].view(np.float32)).max()))
    else:
        raise SystemError("get_batch never says that there is no more")
    if amax == 0.0:
        return None, "Calibration failure occurred with no scaling factors detected."
    return float(np.float32(amax / 127)), None


def _precision(network, config):
    if network._quantized:
        return "INT8"
    if NUMBERS >= (11,):
        return "FP16" if network._half else "FP32"
    return next((name for name in ("INT8", "FP16") if name in config._flags), "FP32")


def _has_int8():
    return tuple(int(part) for part in os.environ["STANDIN_GPU"].split(".")) >= (7, 0)


IBuilderConfig._calibrator = property(lambda config: getattr(config, "int8_calibrator", None))
