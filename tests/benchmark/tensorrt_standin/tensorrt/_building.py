"""Logger, parser, builder: an ONNX file becomes a plan, or is refused as the real one refuses it."""

import json
import os
import struct
import time

import numpy as np
import onnxruntime
import standin_device as cuda

from edgesynth.benchmark.engines.onnx_bytes import _graph, nodes_of
from edgesynth.files.protobuf import contents, fields_of, text
from tensorrt._implicit import Implicit, obeys
from tensorrt._network import ITensor, Parsed
from tensorrt._strict import NUMBERS, VERSION, Strict, member

# onnx-tensorrt 8.2-GA, operators.md: what that parser does not have, as far as the tests meet it.
_REFUSED_BY_82 = ("Reciprocal", "Mod", "OneHot", "QLinearConv", "LayerNormalization", "HardSwish")
_CACHE_NUMBERS = {"8.2.1.8": 8201, "8.6.1.6": 8601, "10.3.0.26": 100300, "10.16.0.72": 101600}
_loggers = {}
# Times the bytes of the images, while kernels are tried.
_BUILD_NEEDS = 16
_QDQ = ("QuantizeLinear", "DequantizeLinear")
_FLOAT16, _INT32, _DATA_TYPE, _TENSOR_NAME, _INITIALIZER = 10, 6, 2, 8, 5
_NODE, _NODE_INPUT, _NODE_NAME, _NODE_OP = 1, 1, 3, 4


_plugins = []
_NO_UNITS = "Int8 support requested on hardware without native Int8 support, performance will be negatively affected."
_NO_CALIBRATOR = (
    "Calibrator is not being used. Users must provide dynamic range for all tensors that are not Int32 or Bool."
)
_NO_SCALES = "This could be due to no int8 calibrator or insufficient custom scales for network layers."


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


class INetworkDefinition(Strict):
    def __init__(self, logger, flags):
        self._logger, self._flags = logger, flags
        self._model = self._session = None
        self._quantized = self._half = False
        self._parsed = None

    @property
    def _layers(self):
        return self._parsed.layers

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
        tensor = self._parsed.tensors.setdefault(one.name, ITensor(one.name))
        tensor._shape = tuple(size if isinstance(size, int) else -1 for size in one.shape)
        return tensor


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
        for number, name in _dequantized_int32(path):
            desc = f"{name}: input has type Int32 but must have type Int8"
            self._refuse(ParserError("INVALID_NODE", desc, number, name, "DequantizeLinear"))
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
        self._network._parsed = Parsed(self._network._model)
        self._network._quantized = any(node.op in _QDQ for node in nodes)
        self._network._half = any(
            dict(fields_of(tensor)).get(_DATA_TYPE) == _FLOAT16 for tensor in _graph(path, _INITIALIZER)
        )
        return True

    def _refuse(self, error):
        self._errors.append(error)
        fail(self._logger, error.desc())
        return False


def _dequantized_int32(path):
    """(number, name) of each DequantizeLinear of a stored int32 tensor, such as a bias: the real one takes none."""
    stored = [dict(fields_of(tensor)) for tensor in _graph(path, _INITIALIZER)]
    whole = {text(fields[_TENSOR_NAME]) for fields in stored if fields.get(_DATA_TYPE) == _INT32}
    for number, content in enumerate(_graph(path, _NODE)):
        op, tensor = (text(next(contents(content, field), b"")) for field in (_NODE_OP, _NODE_INPUT))
        if op == "DequantizeLinear" and tensor in whole:
            yield number, text(next(contents(content, _NODE_NAME), b""))


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
        model, products = network._model, None
        if self._is_implicit(network, config) and config._calibrator is None:
            implicit = Implicit(network, obeys(config))
            for warning in implicit.warnings():
                tell(self._logger, "WARNING", warning)
            model, products = implicit.model(), implicit.products()
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
            "products": products,
        }
        return IHostMemory(json.dumps(header).encode() + b"\n" + model)

    def _is_implicit(self, network, config):
        return NUMBERS < (11,) and "INT8" in config._flags and not network._quantized

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
        if self._is_implicit(network, config):
            if not _has_int8():
                tell(self._logger, "WARNING", _NO_UNITS)
            if config._calibrator is None:
                tell(self._logger, "WARNING", _NO_CALIBRATOR)
                if all(tensor._amax is None for tensor in network._parsed.tensors.values()):
                    return "Calibration failure occurred with no scaling factors detected. " + _NO_SCALES
        return None


def _kept(network, config):
    """[whether it computes in FP32, whether it writes it] of each layer that was told so, where that is obeyed."""
    if not obeys(config):
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
