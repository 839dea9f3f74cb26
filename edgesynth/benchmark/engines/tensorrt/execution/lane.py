"""A lane: one execution context of an engine with its tensors, on a stream of its own."""

from typing import Any, Callable, List, Optional, Tuple

import numpy as np

from edgesynth.benchmark.engines.engine import BeyondMemoryError, shape_of_images
from edgesynth.benchmark.engines.tensorrt.execution.buffers import buffer_of
from edgesynth.benchmark.engines.tensorrt.execution.cuda_graph import CudaGraph
from edgesynth.benchmark.engines.tensorrt.generations.generation import Generation
from edgesynth.benchmark.engines.tensorrt.request import Request
from edgesynth.benchmark.engines.tensorrt.runtime.gpu import Gpu
from edgesynth.benchmark.engines.tensorrt.runtime.log import said
from edgesynth.errors import UserError


class Lane:
    """What runs one inference after the other.

    Args:
        generation: how this TensorRT is called.
        engine: the engine.
        gpu: the GPU.
        log: from `the_log`.
        request: what was built.
        memory: where the tensors lie, one of `ways.MEMORIES`.

    Attributes:
        input_shape: (C, H, W).
        context: TensorRT's.
        stream: of the GPU.
        copies: whether the images are copied to the GPU and the outputs back.

    Raises:
        UserError: the engine takes or gives what cannot be measured.
        BeyondMemoryError: there is too little memory.
    """

    def __init__(self, generation: Generation, engine: Any, gpu: Gpu, log: Any, request: Request, memory: str) -> None:
        self._gpu, self._log, self._request = gpu, log, request
        self._graph: Optional[CudaGraph] = None
        self.stream: Any = None
        self._direct: Callable[[int], bool]
        self.context = engine.create_execution_context()
        if self.context is None:
            raise BeyondMemoryError(
                "{} at batch {} gets no memory to run in ({}); use a smaller --batch".format(
                    request.path, request.batch, said(log)
                )
            )
        tensors = generation.tensors(engine)
        ((number, image),) = [pair for pair in enumerate(tensors) if pair[1].is_input]
        self.input_shape = shape_of_images(request.path, image.shape, request.batch)
        shape = (request.batch,) + self.input_shape
        if not generation.set_input_shape(self.context, number, image.name, shape):
            raise UserError("{} does not take the shape {} ({})".format(request.path, list(shape), said(log)))
        shapes = [generation.shape_of(self.context, place, tensor.name) for place, tensor in enumerate(tensors)]
        for tensor, sizes in zip(tensors, shapes):
            if any(size < 1 for size in sizes):
                raise UserError(
                    "{} of {} has the shape {}: only shapes that depend on the batch alone can be measured".format(
                        tensor.name, request.path, list(sizes)
                    )
                )
        self._buffers: List[Any] = [
            buffer_of(gpu, memory, sizes, tensor.dtype) for tensor, sizes in zip(tensors, shapes)
        ]
        self._input = self._buffers[number]
        self._output = next(buffer for buffer, tensor in zip(self._buffers, tensors) if not tensor.is_input)
        self.copies: bool = self._input.copies
        self.stream = gpu.cuda.Stream()
        self._direct = generation.launcher(
            self.context, [tensor.name for tensor in tensors], [buffer.address for buffer in self._buffers]
        )
        self._launch = self._direct

    def begin(self, images: np.ndarray) -> None:
        """Put images in, and enqueue an inference with its copies."""
        np.copyto(self._input.host, images)
        self.upload()
        self.enqueue()
        self.download()

    def finish(self) -> np.ndarray:
        """Wait for the inference: the first output, float32."""
        self.stream.synchronize()
        return np.array(self._output.host, dtype=np.float32)

    def upload(self) -> None:
        """Enqueue the copy of the images to the GPU."""
        self._input.upload(self.stream)

    def enqueue(self) -> None:
        """Enqueue what is computed.

        Raises:
            UserError: TensorRT refuses.
        """
        if not self._launch(self.stream.handle):
            raise UserError("TensorRT cannot run {} ({})".format(self._request.path, said(self._log)))

    def download(self) -> None:
        """Enqueue the copy of the first output to the host."""
        self._output.download(self.stream)

    def capture(self) -> None:
        """Launch what is computed as one CUDA graph from now on.

        Raises:
            NoGraphError: it cannot be captured; it is launched as before.
        """
        self._graph = CudaGraph(self._direct, self.stream.handle, lambda: said(self._log))
        self._launch = self._graph.launch

    def release_graph(self) -> None:
        """Launch kernel by kernel again."""
        if self._graph is not None:
            self._graph.close()
        self._graph, self._launch = None, self._direct

    def close(self) -> None:
        """Release all of it, dependents first.

        What Ctrl-C left running is waited for: TensorRT must not lose a context in the middle of its work.
        """
        try:
            self.stream.synchronize()
        except self._gpu.cuda.Error:
            pass  # what failed there has been told, and runs no more
        self.release_graph()
        del self._launch, self._direct
        self.stream = self._input = self._output = None
        self._buffers = []
        self.context = None


def lanes_of(
    count: int, generation: Generation, engine: Any, gpu: Gpu, log: Any, request: Request, memory: str
) -> Tuple[Lane, ...]:
    """Some lanes of one engine; see `Lane`.

    Raises:
        UserError: there is more than one, and this version shares no shapes between them.
    """
    free = any(size < 1 for tensor in generation.tensors(engine) for size in tensor.shape)
    if count > 1 and free and not generation.shares_profiles:
        raise UserError(
            "--streams {} needs a model with a fixed batch before TensorRT 10 (this is {}), and that of {} is free; "
            "export it with --batch {}".format(count, generation.trt.__version__, request.path, request.batch)
        )
    lanes: List[Lane] = []
    try:
        for _ in range(count):
            lanes.append(Lane(generation, engine, gpu, log, request, memory))
    except BaseException:
        for lane in lanes:
            lane.close()
        raise
    return tuple(lanes)
