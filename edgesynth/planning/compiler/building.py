"""One ONNX file through NVIDIA's parser and compiler, ahead of time: for a GPU that need not be here."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from edgesynth.errors import UserError
from edgesynth.planning.compiler.builder_log import in_one_line, log_of
from edgesynth.planning.compiler.engine_layers import EngineLayer, read_engine_layers
from edgesynth.planning.compiler.products import Product, int8_share, products_of
from edgesynth.planning.onnx.onnx_graph import OnnxGraph
from edgesynth.planning.plan.plan import FORMS, read_forms
from edgesynth.tensorrt_rtx import import_tensorrt_rtx

GPUS = ("sm75", "sm80", "sm86", "sm89", "sm120", "sm121")
GPU = "sm86"  # of these the nearest to Orin's sm_87
_WEIGHTS = re.compile(r"Total Weights Memory: (\d+) bytes")
_ACTIVATIONS = re.compile(r"Total Activation Memory: (\d+) bytes")
_SHOWN = 3


class Refusal(NamedTuple):
    """What the parser does not take.

    Attributes:
        op: the operator; "" where it is about the whole file.
        node: its name.
        why: in the parser's own words.
    """

    op: str
    node: str
    why: str

    def __str__(self) -> str:
        return f"{self.op} ({self.node}): {self.why}" if self.op else self.why


class Compiled(NamedTuple):
    """What NVIDIA's compiler makes of a file.

    Attributes:
        file: its name.
        version: of TensorRT for RTX.
        gpu: that it was built for, such as sm86.
        batch: images per inference.
        refusals: of the parser; none if it takes the file.
        problem: why it was not built, in the builder's words; "" if it was, or was not parsed.
        warnings: of both, each once.
        parse_s, build_s: seconds; the latter None if nothing was built.
        plan_bytes: of the engine.
        weights_bytes, activations_bytes: that it takes on the GPU, as the builder says; None if it does not.
        layers: of the engine; none if they could not be read.
        products: see `products_of`.
    """

    file: str
    version: str
    gpu: str
    batch: int
    refusals: tuple[Refusal, ...]
    problem: str
    warnings: tuple[str, ...]
    parse_s: float
    build_s: float | None = None
    plan_bytes: int | None = None
    weights_bytes: int | None = None
    activations_bytes: int | None = None
    layers: tuple[EngineLayer, ...] = ()
    products: tuple[Product, ...] = ()

    @property
    def is_built(self) -> bool:
        """Whether there is an engine."""
        return self.plan_bytes is not None

    @property
    def reason(self) -> str:
        """Why there is none, in one line; "" if there is."""
        if not self.refusals:
            return self.problem
        more = len(self.refusals) - _SHOWN
        shown = "; ".join(map(str, self.refusals[:_SHOWN]))
        return f"{shown}; {more} more" if more > 0 else shown

    @property
    def kernels(self) -> int:
        """Layers that compute."""
        return sum(layer.is_kernel for layer in self.layers)

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {
            **self._asdict(),
            "refusals": [refusal._asdict() for refusal in self.refusals],
            "warnings": list(self.warnings),
            "built": self.is_built,
            "kernels": self.kernels if self.layers else None,
            "int8_share_of_macs": int8_share(self.products),
            "layers": [layer.to_json() for layer in self.layers],
            "products": [product._asdict() for product in self.products],
        }


def compile_files(
    forms: Mapping[str, str], gpu: str = GPU, batch: int = 1, told: Callable[[str], object] = lambda line: None
) -> dict[str, Compiled]:
    """Every form of a model that TensorRT takes, by its name; see `compile_graph`.

    Args:
        forms: path of each form, see `read_forms`.
        gpu: likewise.
        batch: likewise.
        told: is given a line before each file.

    Raises:
        UserError: see `read_forms` and `compile_graph`.
    """
    import_tensorrt_rtx()
    graphs = read_forms(dict(forms))
    compiled = {}
    for form in FORMS:
        if form in graphs:
            told(f"building {graphs[form].file} for {gpu}")
            compiled[form] = compile_graph(graphs[form], gpu, batch)
    return compiled


def compile_graph(graph: OnnxGraph, gpu: str = GPU, batch: int = 1) -> Compiled:
    """Parse a file and build its engine, which is not kept.

    Args:
        graph: the file; its path is what is parsed.
        gpu: one of `GPUS`.
        batch: images per inference, where the file leaves it free.

    Raises:
        UserError: the GPU is none of those, an input's height, width or channels are free, or TensorRT for RTX is not
            installed.
    """
    if gpu not in GPUS:
        raise UserError(f"--gpu is {gpu}; TensorRT for RTX builds for: {', '.join(GPUS)}")
    trt = import_tensorrt_rtx()
    log = log_of(trt)
    builder = trt.Builder(log)
    network = builder.create_network(0)
    parser = trt.OnnxParser(network, log)
    begin = time.perf_counter()
    parsed = parser.parse_from_file(os.path.abspath(graph.path))
    parse_s = time.perf_counter() - begin
    refusals = () if parsed else tuple(_refusals(parser)) or (Refusal("", "", log.errors()),)
    compiled = Compiled(graph.file, trt.__version__, gpu, batch, refusals, "", log.warnings(), parse_s)
    if refusals:
        return compiled
    config = _config(trt, builder, network, gpu, batch, graph)
    begin = time.perf_counter()
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        return compiled._replace(problem=log.errors(), warnings=log.warnings())
    layers = read_engine_layers(log.messages)
    return compiled._replace(
        warnings=log.warnings(),
        build_s=time.perf_counter() - begin,
        plan_bytes=plan.nbytes,
        weights_bytes=log.number(_WEIGHTS),
        activations_bytes=log.number(_ACTIVATIONS),
        layers=layers,
        products=products_of(graph, layers),
    )


def _config(trt: Any, builder: Any, network: Any, gpu: str, batch: int, graph: OnnxGraph) -> Any:
    """Build ahead of time for one GPU, every layer told."""
    config = builder.create_builder_config()
    config.num_compute_capabilities = 1
    config.set_compute_capability(getattr(trt.ComputeCapability, gpu.upper()), 0)
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
    config.clear_flag(trt.BuilderFlag.TF32)
    inputs = [network.get_input(number) for number in range(network.num_inputs)]
    if any(-1 in tuple(tensor.shape) for tensor in inputs):
        profile = builder.create_optimization_profile()
        for tensor in inputs:
            shape = (batch, *tuple(tensor.shape)[1:])
            if -1 in shape:
                raise UserError(
                    f"{graph.file}: input {tensor.name} has the shape {list(tensor.shape)}; only the batch may be "
                    "free: export with a fixed height and width"
                )
            profile.set_shape(tensor.name, shape, shape, shape)
        config.add_optimization_profile(profile)
    return config


def _refusals(parser: Any) -> list[Refusal]:
    errors = [parser.get_error(number) for number in range(parser.num_errors)]
    return [Refusal(error.node_operator(), error.node_name(), in_one_line(error.desc())) for error in errors]
