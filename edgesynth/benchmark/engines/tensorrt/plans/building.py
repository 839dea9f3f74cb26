"""From an ONNX file to the bytes of a plan."""

import os
from typing import Any, Dict, Iterator, NamedTuple, Optional, Tuple

from edgesynth.benchmark.bundle.samples import read_calibration
from edgesynth.benchmark.engines.engine import BeyondMemoryError, shape_of_images
from edgesynth.benchmark.engines.onnx_bytes import node_at
from edgesynth.benchmark.engines.tensorrt.generations.generation import Generation
from edgesynth.benchmark.engines.tensorrt.network.floating import keep_floating
from edgesynth.benchmark.engines.tensorrt.network.ranges import set_ranges
from edgesynth.benchmark.engines.tensorrt.plans.calibration import images_calibrator
from edgesynth.benchmark.engines.tensorrt.plans.plan_cache import calibration_key
from edgesynth.benchmark.engines.tensorrt.request import Request
from edgesynth.benchmark.engines.tensorrt.runtime.gpu import Gpu
from edgesynth.benchmark.engines.tensorrt.runtime.log import is_about_memory, said
from edgesynth.boards.calibration_cache import LEVELS, cache_from_ranges, read_ranges
from edgesynth.errors import UserError

# A Jetson shares its memory with the CPU: no layer may take more of it than a quarter.
_WORKSPACE_BYTES = 1 << 30
_WORKSPACE_SHARE = 4
_SHOWN_ERRORS = 3


class Built(NamedTuple):
    """A plan.

    Attributes:
        plan: its bytes.
        timings: of kernels, taken on the way; empty if there are none.
        kept_in_fp32: layers that were told to stay in FP32.
        kept_floating: layers that were told to stay in floating point where others are INT8.
        without_range: tensors of a network that is quantized by ranges for which there is none.
        warnings: the builder's and the parser's, each once, in the order of its log.
    """

    plan: bytes
    timings: bytes
    kept_in_fp32: int
    kept_floating: int
    without_range: Tuple[str, ...]
    warnings: Tuple[str, ...]

    @property
    def facts(self) -> Dict[str, Any]:
        """What is kept with the plan and stands in the result, as plain values."""
        return {
            "kept_in_fp32": self.kept_in_fp32,
            "kept_floating": self.kept_floating,
            "without_range": list(self.without_range),
            "warnings": list(self.warnings),
        }


def build(generation: Generation, gpu: Gpu, log: Any, request: Request, timings: bytes) -> Built:
    """Parse a file and build its engine.

    Args:
        generation: how this TensorRT is called.
        gpu: the GPU.
        log: from `the_log`.
        request: what is to be built.
        timings: timing cache of an earlier build by the same TensorRT on the same GPU; empty if there is none.

    Raises:
        UserError: TensorRT refuses the file or cannot build it; with its own reason.
        BeyondMemoryError: it found no memory to build it in.
    """
    trt = generation.trt
    del log.warnings[:]
    try:
        builder = trt.Builder(log)
    except TypeError:  # pybind11's way to say that a constructor gave nothing
        raise UserError(
            "TensorRT {} cannot start here ({}); use --engine onnxruntime".format(trt.__version__, said(log))
        ) from None
    network = generation.create_network(builder)
    parser = trt.OnnxParser(network, log)
    if not parser.parse_from_file(os.path.abspath(request.path)):
        raise _refusal(trt, parser, log, request.path)
    config = builder.create_builder_config()
    _set_shape(builder, network, config, request)
    generation.set_workspace(config, min(_WORKSPACE_BYTES, gpu.total_bytes // _WORKSPACE_SHARE))
    calibrator = _calibrator(trt, gpu, request, tuple(network.get_input(0).shape)[1:])
    generation.set_precision(config, request.precision, request.quantized, calibrator)
    without_range, floating = _quantize(trt, gpu, network, config, request)
    kept = generation.keep_in_fp32(network, config, request)
    # What the inspector can tell of a plan is decided here. 8.0 has neither.
    detailed = getattr(trt.ProfilingVerbosity, "DETAILED", None)
    if detailed is not None:
        config.profiling_verbosity = detailed
    cache = config.create_timing_cache(timings)
    if cache is None or not config.set_timing_cache(cache, False):
        config.set_timing_cache(config.create_timing_cache(b""), False)
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        problem = BeyondMemoryError if is_about_memory(log) else UserError
        raise problem(
            "TensorRT {} cannot build {} at {} and batch {} ({}); try --precision fp32 or a smaller --batch".format(
                trt.__version__, request.path, request.precision, request.batch, said(log)
            )
        )
    return Built(
        plan=bytes(plan),
        timings=bytes(config.get_timing_cache().serialize()),
        kept_in_fp32=kept,
        kept_floating=floating,
        without_range=without_range,
        warnings=tuple(dict.fromkeys(log.warnings)),
    )


def _set_shape(builder: Any, network: Any, config: Any, request: Request) -> None:
    """Check the input, and fix its batch where the file leaves it free."""
    inputs = [network.get_input(number) for number in range(network.num_inputs)]
    if len(inputs) != 1:
        names = ", ".join(tensor.name for tensor in inputs) or "none"
        raise UserError(
            "{} has the inputs: {}; only a model with exactly one can be measured".format(request.path, names)
        )
    shape = tuple(inputs[0].shape)
    images = (request.batch,) + shape_of_images(request.path, shape, request.batch)
    if shape != images:
        profile = builder.create_optimization_profile()
        profile.set_shape(inputs[0].name, images, images, images)
        config.add_optimization_profile(profile)
        if request.samples is not None:
            config.set_calibration_profile(profile)


def _calibrator(trt: Any, gpu: Gpu, request: Request, shape: Tuple[int, ...]) -> Optional[Any]:
    """What shows TensorRT images to find ranges on; None where they are given, or the file's own types decide."""
    if request.samples is None:
        return None
    images = read_calibration(request.samples, shape)
    return images_calibrator(trt, gpu, images, request.batch, calibration_key(trt.__version__, request))


def _quantize(trt: Any, gpu: Gpu, network: Any, config: Any, request: Request) -> Tuple[Tuple[str, ...], int]:
    """Set the ranges of a plain file, and what of it stays in floating point.

    Returns:
        The tensors for which there is no range, and how many layers stay in floating point.

    Raises:
        UserError: ranges.json is no such file, or this TensorRT takes no ranges.
    """
    if request.ranges is None:
        return (), 0
    ranges = read_ranges(request.ranges)
    without_range: Tuple[str, ...] = ()
    if request.samples is None:
        # Scales of float32, as a calibration cache has them.
        scales = cache_from_ranges(ranges.amax, trt.__version__).scales
        without_range = set_ranges(trt, network, {name: scale * LEVELS for name, scale in scales.items()})
    half = gpu.native("fp16") is True
    return without_range, keep_floating(trt, network, config, request.path, ranges.floating, half)


def _refusal(trt: Any, parser: Any, log: Any, path: str) -> UserError:
    errors = [parser.get_error(number) for number in range(parser.num_errors)]
    if any(error.code().name == "MODEL_DESERIALIZE_FAILED" for error in errors):
        return UserError("{} is not an ONNX model that TensorRT can read; export it again".format(path))
    shown = "; ".join(_shown(errors, path)) or said(log)
    return UserError(
        "TensorRT {} refuses {}: {}; `edgesynth plan` lists on a workstation all that it refuses, "
        "and --opset may help".format(trt.__version__, path, shown)
    )


def _shown(errors: Any, path: str) -> Iterator[str]:
    for error in errors[:_SHOWN_ERRORS]:
        why = " ".join(error.desc().split())
        # Before TensorRT 10 an error knows the node's number alone.
        if hasattr(error, "node_name"):
            name, op = error.node_name(), error.node_operator()
        else:
            name, op = node_at(path, error.node()) or ("", "")
        yield "node {} ({}): {}".format(name or "number {}".format(error.node()), op, why) if op else why
    if len(errors) > _SHOWN_ERRORS:
        yield "{} more".format(len(errors) - _SHOWN_ERRORS)
