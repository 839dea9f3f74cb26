"""TensorRT on the GPU of this machine."""

import os
import time
from typing import Any, Dict, List, Optional, Sequence, Tuple, Type

import numpy as np

from edgesynth.benchmark.bundle.bundle import is_quantized
from edgesynth.benchmark.engines.engine import BeyondMemoryError, Engine
from edgesynth.benchmark.engines.tensorrt.execution.cuda_graph import NoGraphError
from edgesynth.benchmark.engines.tensorrt.execution.lane import Lane, lanes_of
from edgesynth.benchmark.engines.tensorrt.execution.layer_times import layer_times_ms
from edgesynth.benchmark.engines.tensorrt.execution.phases import phases_ms
from edgesynth.benchmark.engines.tensorrt.generations.bindings import Bindings
from edgesynth.benchmark.engines.tensorrt.generations.generation import Generation
from edgesynth.benchmark.engines.tensorrt.generations.named_tensors import NamedTensors
from edgesynth.benchmark.engines.tensorrt.generations.strongly_typed import StronglyTyped
from edgesynth.benchmark.engines.tensorrt.inspection import in_words, layers_by_precision
from edgesynth.benchmark.engines.tensorrt.plans import plan_cache
from edgesynth.benchmark.engines.tensorrt.plans.building import build
from edgesynth.benchmark.engines.tensorrt.request import Request
from edgesynth.benchmark.engines.tensorrt.runtime.gpu import Gpu, hold, open_gpu
from edgesynth.benchmark.engines.tensorrt.runtime.importing import import_tensorrt, version_of
from edgesynth.benchmark.engines.tensorrt.runtime.log import is_about_memory, said, the_log
from edgesynth.benchmark.engines.tensorrt.runtime.plugins import register_plugins
from edgesynth.benchmark.engines.ways import PINNED, Ways
from edgesynth.benchmark.interruption import Deferred
from edgesynth.boards.power_state import power_state
from edgesynth.errors import UserError


def generation_of(version: Tuple[int, ...]) -> Type[Generation]:
    """How a version of TensorRT is called.

    Raises:
        UserError: it is older than 8.0.
    """
    if version >= (11,):
        return StronglyTyped
    if version >= (8, 6):
        return NamedTensors
    if version >= (8,):
        return Bindings
    raise UserError(
        "TensorRT {} is older than 8.0, which JetPack 4.6 has; update JetPack, or use --engine onnxruntime".format(
            ".".join(map(str, version))
        )
    )


class TensorRt(Engine):
    """One model in one TensorRT engine, on a stream of its own, or on several.

    A run copies the images to the GPU, computes, copies the first output back and waits. With several streams each of
    them does so with the same images, and the run waits for all.
    """

    name = "tensorrt"
    device = "gpu"
    builds = True
    # Folder in which sysfs and nvpmodel's files are looked for.
    root = "/"

    def __init__(self) -> None:
        self._generation = self._called()
        self._trt = self._generation.trt
        self._gpu = open_gpu()
        self._log = the_log(self._trt)
        self._lanes: Tuple[Lane, ...] = ()
        self.close()
        hold(self)

    def close(self) -> None:
        """Release everything on the GPU, dependents first."""
        for lane in self._lanes:
            lane.close()
        self._lanes = ()
        self._no_graph: Optional[str] = None
        self._engine: Any = None
        self._runtime: Any = None

    @classmethod
    def _called(cls) -> Generation:
        """TensorRT, and how it is called.

        Raises:
            UserError: it cannot be imported, or is too old.
        """
        trt = import_tensorrt()
        return generation_of(version_of(trt))(trt)

    @classmethod
    def choose_wait(cls, wait: Optional[str]) -> None:
        """Open the GPU with this wait, which is a property of its context."""
        cls._called()
        open_gpu(wait)

    @classmethod
    def check_ways(cls, ways: Ways) -> None:
        """Every way is TensorRT's."""

    @classmethod
    def candidates(cls) -> Dict[str, Tuple[str, ...]]:
        """The models that this generation and this GPU can use."""
        return cls._called().candidates(open_gpu().native("int8"))

    def load(
        self,
        path: str,
        precision: str,
        batch: int,
        threads: int,
        ranges: Optional[str] = None,
        samples: Optional[str] = None,
        kept: Sequence[str] = (),
    ) -> None:
        """Build a model's engine, or take the plan of an earlier build, and run it once; see `Engine.load`.

        Raises:
            UserError: as there; or the file holds Q/DQ nodes and the GPU has no INT8 units; or it does not fit the
                memory.
        """
        refusal = None
        with Deferred() as interruption:
            try:
                self._load(Request(path, precision, batch, is_quantized(path), ranges, samples, tuple(kept)))
            except UserError as error:
                # Raised anew: the frames of the old one hold what must be gone before the GPU's context.
                refusal = type(error)(*error.args)
        interruption.raise_noted()
        if refusal is None:
            return
        self.close()
        raise refusal

    def _load(self, request: Request) -> None:
        if request.quantized and self._gpu.native("int8") is False:
            raise _no_int8(request.path, self._gpu, self._trt.__version__)
        del self._log.errors[:]
        self._request = request
        try:
            self._make_engine(request)
            memory = self.ways.memory or PINNED
            self._lanes = lanes_of(
                self.ways.streams, self._generation, self._engine, self._gpu, self._log, request, memory
            )
            self.input_shape = self._lanes[0].input_shape
            self.run(np.zeros((request.batch,) + self.input_shape, np.float32))
            self._capture()
        except (self._gpu.cuda.MemoryError, MemoryError) as error:
            raise BeyondMemoryError(
                "{} at batch {} does not fit the GPU's memory ({}); use a smaller --batch".format(
                    request.path, request.batch, " ".join(str(error).split())
                )
            ) from None
        except self._gpu.cuda.Error as error:
            raise UserError("{} fails on the GPU: {}".format(request.path, " ".join(str(error).split()))) from None
        self._layers = layers_by_precision(self._trt, self._engine, self._lanes[0].context)

    def run(self, images: np.ndarray) -> np.ndarray:
        """One inference with its copies.

        Args:
            images: (batch, C, H, W), float32, preprocessed.

        Returns:
            The model's first output, (batch, ...), float32.
        """
        for lane in self._lanes:
            lane.begin(images)
        outputs = [lane.finish() for lane in self._lanes]
        return outputs[0]

    def phases_ms(self) -> Dict[str, List[float]]:
        """Parts of a run by events on the GPU, of one stream while the others rest."""
        return phases_ms(self._gpu.cuda, self._lanes[0])

    def layer_times_ms(self) -> Dict[str, List[float]]:
        """Times of the layers by TensorRT's profiler, if asked for; of one stream."""
        return layer_times_ms(self._trt, self._lanes[0]) if self.ways.profile else {}

    def describe(self) -> Dict[str, Any]:
        """Version, GPU and how the CPU waits for it, for the result file."""
        return {
            "name": self.name,
            "version": self._trt.__version__,
            "gpu": self._gpu.name,
            "sm": self._gpu.sm_name,
            "cuda_driver": self._gpu.driver,
            "cuda_package": self._gpu.package,
            "wait": self._gpu.wait,
            "timed": "copy to the GPU, compute, copy of the first output back"
            if self.ways.memory in (None, PINNED)
            else "compute, on {} memory that both see: nothing is copied".format(self.ways.memory),
        }

    def built(self) -> Dict[str, Any]:
        """Requested and effective precision, and where the plan came from.

        Returns:
            `requested`, `effective` and `layers` (counts by precision; both None where TensorRT does not tell),
            `native` (whether the GPU has units for it), `source`, `plan_bytes`, `build_s` (of the build, whenever it
            was), `kept_in_fp32` and `kept_floating` (layers that were told to stay so), `without_range` (tensors of a
            network that is quantized by ranges for which there is none), `warnings` (of the build), `power_mode` and
            the limits of the GPU's clock that it was built in, `from_cache`, `not_kept`: why the plan could not be
            kept, or None; and how it is run: `memory`, `streams`, `cuda_graph` (whether it is).
        """
        request = self._request
        quantized = ""
        if request.samples is not None:
            quantized = " + entropy calibration on {}".format(os.path.basename(request.samples))
        elif request.ranges is not None:
            quantized = " + {}".format(os.path.basename(request.ranges))
        return dict(
            self._plan_facts,
            requested=request.precision,
            effective=in_words(self._layers),
            layers=self._layers,
            native=self._gpu.native("int8" if request.quantized else request.precision),
            source=os.path.basename(request.path) + quantized,
            memory=self.ways.memory or PINNED,
            streams=self.ways.streams,
            cuda_graph=self.ways.cuda_graph and self._no_graph is None,
        )

    def flags(self) -> List[str]:
        """Flags of a precision that was asked for and is not used, or has no units; or of a graph that is not there."""
        precision = self._request.precision
        flags = []
        if self._no_graph is not None:
            flags.append("no CUDA graph: {}; the figures are without one".format(self._no_graph))
        if self._gpu.native(precision) is False:
            instead = {
                "fp16": "it is no faster than fp32 there",
                "int8": "layers run in floating point or slower; fp16 may be faster and is more accurate",
            }
            flags.append(
                "no {0} units: {1} ({2}) has none for {0}: {3}".format(
                    precision, self._gpu.name, self._gpu.sm_name, instead[precision]
                )
            )
        if self._layers is not None and precision in ("fp16", "int8") and precision not in self._layers:
            flags.append(
                "not {}: TensorRT runs this engine at {}, the figures are that precision's".format(
                    precision, in_words(self._layers)
                )
            )
        return flags

    def _make_engine(self, request: Request) -> None:
        version = self._trt.__version__
        power = power_state(self.root)
        key = plan_cache.plan_key(version, self._gpu, power, request)
        timings = plan_cache.timings_key(version, self._gpu, power)
        register_plugins(self._trt, self._log, request.path)
        self._runtime = self._trt.Runtime(self._log)
        kept = None if self.fresh else plan_cache.find(key)
        self._engine = self._runtime.deserialize_cuda_engine(kept.content) if kept is not None else None
        if kept is not None and self._engine is not None:
            facts = dict(kept.facts, plan_bytes=len(kept.content), from_cache=True, not_kept=None)
        else:
            known = None if self.fresh else plan_cache.find(timings)
            begin = time.perf_counter()
            built = build(self._generation, self._gpu, self._log, request, known.content if known else b"")
            facts = dict(built.facts, build_s=round(time.perf_counter() - begin, 3))
            not_kept = plan_cache.keep(key, built.plan, facts) if self.keeps_plans and not self.fresh else "not wanted"
            if not self.fresh:
                plan_cache.keep(timings, built.timings, {})
            facts.update(plan_bytes=len(built.plan), from_cache=False, not_kept=not_kept)
            self._engine = self._runtime.deserialize_cuda_engine(built.plan)
        if self._engine is None:
            problem = BeyondMemoryError if is_about_memory(self._log) else UserError
            raise problem("TensorRT {} does not load what it built ({})".format(version, said(self._log)))
        self._plan_facts: Dict[str, Any] = dict(facts, **power.facts())

    def _capture(self) -> None:
        """Make graphs of the lanes if asked for, of all or of none."""
        try:
            for lane in self._lanes if self.ways.cuda_graph else ():
                lane.capture()
        except NoGraphError as why:
            self._no_graph = str(why)
            for lane in self._lanes:
                lane.release_graph()


def _no_int8(path: str, gpu: Gpu, version: str) -> UserError:
    return UserError(
        "{} holds Q/DQ nodes and the GPU of this board ({}, {}) has no INT8 units: TensorRT {} refuses such a file; "
        "use --precision fp16 (recommended), or --precision int8 on a bundle with model.onnx and ranges.json "
        "(it builds, and may be slower than fp16)".format(path, gpu.name, gpu.sm_name, version)
    )
