"""From an ONNX file to the bytes of a plan."""

import os
from typing import Any, Iterator, NamedTuple, Optional, Tuple

from edgesynth.benchmark.bundle.samples import read_calibration
from edgesynth.benchmark.engines.engine import BeyondMemoryError, shape_of_images
from edgesynth.benchmark.engines.onnx_bytes import node_at
from edgesynth.benchmark.engines.tensorrt.generations.generation import Generation
from edgesynth.benchmark.engines.tensorrt.plans.calibration import images_calibrator, ranges_calibrator
from edgesynth.benchmark.engines.tensorrt.plans.plan_cache import calibration_key
from edgesynth.benchmark.engines.tensorrt.request import Request
from edgesynth.benchmark.engines.tensorrt.runtime.gpu import Gpu
from edgesynth.benchmark.engines.tensorrt.runtime.log import is_about_memory, said
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
    """

    plan: bytes
    timings: bytes
    kept_in_fp32: int


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
    return Built(bytes(plan), bytes(config.get_timing_cache().serialize()), kept)


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
    """What TensorRT asks for ranges; None where the file's own types decide."""
    if request.samples is not None:
        images = read_calibration(request.samples, shape)
        return images_calibrator(trt, gpu, images, request.batch, calibration_key(trt.__version__, request))
    return ranges_calibrator(trt, request.ranges) if request.ranges is not None else None


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
