"""ONNX Runtime on the CPU."""

import os
import re
from typing import Any, Dict, List, Optional, Sequence, Tuple, Union

import numpy as np

from edgesynth.benchmark.engines.engine import BeyondMemoryError, Engine, refuse_ways, shape_of_images
from edgesynth.benchmark.engines.half_storage import rounding
from edgesynth.benchmark.engines.onnxruntime_profile import layer_times_ms
from edgesynth.benchmark.engines.ways import Ways
from edgesynth.errors import UserError
from edgesynth.files.protobuf import field

# How ONNX Runtime says that it got no memory: it has no error of its own for it.
_MEMORY = re.compile("bad_alloc|bad allocation|Failed to allocate memory")
# Of a session: int8 weights become uint8 ones where the processor's products by int8 saturate at 16 bits.
EXACT = "session.x64quantprecision"
# Field numbers of ONNX's protobuf: ModelProto.graph, GraphProto.output, ValueInfoProto.name, NodeProto.output.
_GRAPH, _OUTPUT, _NAME, _WRITTEN = 7, 12, 1, 2


class OnnxRuntime(Engine):
    """One model in one ONNX Runtime session on the CPU.

    INT8 has a dialect of its own here: the Q/DQ form for TensorRT (signed activations) is not fused by ONNX Runtime on
    x86 and runs slower there than fp32.

    Args:
        half_storage: round what an FP16 file computes to FP16, as a device does, in place of computing it in FP32; see
            `half_storage`.
        exact: compute INT8 as a processor does whose products do not saturate, whichever this one is; that may be
            slower.
    """

    name = "onnxruntime"
    provider = "CPUExecutionProvider"

    def __init__(self, half_storage: bool = False, exact: bool = False) -> None:
        self._exact = exact
        self._ort = _import_onnxruntime()
        self._half_storage = half_storage
        self._session: Any = None
        self.threads = 0

    @classmethod
    def candidates(cls) -> Dict[str, Tuple[str, ...]]:
        """The plain model, and the INT8 one in the CPU's dialect."""
        return {"fp32": ("fp32",), "int8": ("int8-cpu",)}

    @classmethod
    def check_ways(cls, ways: Ways) -> None:
        """Layers can be timed; memory, graphs and streams are a GPU's."""
        refuse_ways(cls.name, ways._replace(profile=False).asked())

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
        """Load a model; what it computes in is written in the file, so `precision` changes nothing here.

        Args:
            path: an ONNX file with one float32 input of shape (batch, C, H, W), whose batch is `batch` or free.
            precision: "fp32", "int8" or "as-is".
            batch: images per run, at least 1.
            threads: threads within an operator, at least 1.
            ranges: not used: nothing is quantized here.
            samples: not used.
            kept: not used: nothing is made FP16 here.

        Raises:
            UserError: the file is not an ONNX model, or ONNX Runtime refuses it, or its input is of another kind, or it
                fails at this batch.
            BeyondMemoryError: there is too little memory for this batch.
        """
        self._open(path, path, threads)
        self._path, self._batch = path, batch
        self.threads = threads
        self.input_shape = _input_shape(path, self._session.get_inputs(), batch)
        self._input = self._session.get_inputs()[0].name
        outputs = self._session.get_outputs()
        if not outputs:
            raise UserError("{} has no output; export it again".format(path))
        self._outputs = [outputs[0].name]
        self._try(path, batch)

    def load_with_outputs(self, path: str, outputs: Sequence[str]) -> None:
        """Load a model so that `run_all` gives tensors from within it.

        A serialized message followed by another one is the two merged: outputs are added without reading the graph,
        for which a board has no package.

        Args:
            path: an ONNX file with its weights inside.
            outputs: names of float tensors, at least one.

        Raises:
            UserError: the file is not an ONNX model, or has no such tensors.
        """
        self._open(path, path, 1)
        own = [output.name for output in self._session.get_outputs()]
        values = [field(_OUTPUT, field(_NAME, name.encode())) for name in outputs if name not in own]
        with open(path, "rb") as file:
            self._open(path, file.read() + field(_GRAPH, b"".join(values)), 1)
        self.threads = 1
        self._input = self._session.get_inputs()[0].name
        self._outputs = list(outputs)

    def run_all(self, images: np.ndarray) -> List[np.ndarray]:
        """One inference of a model that `load_with_outputs` loaded; its tensors in the order asked for."""
        return self._session.run(self._outputs, {self._input: images})

    def run(self, images: np.ndarray) -> np.ndarray:
        """One inference.

        Args:
            images: (batch, C, H, W), float32, preprocessed.

        Returns:
            The model's first output, (batch, ...).
        """
        return self._session.run(self._outputs, {self._input: images})[0]

    def layer_times_ms(self) -> Dict[str, List[float]]:
        """Times of the nodes in a session of its own, if asked for: one that profiles is slower."""
        if not self.ways.profile:
            return {}
        images = np.zeros((self._batch,) + self.input_shape, np.float32)

        def open_session(prefix: str) -> Any:
            self._open(self._path, self._path, self.threads, prefix)
            return self._session

        return layer_times_ms(open_session, lambda session: session.run(self._outputs, {self._input: images}))

    def close(self) -> None:
        """Release the session and its memory."""
        self._session = None

    def _open(self, path: str, model: Union[str, bytes], threads: int, profile: Optional[str] = None) -> None:
        options = self._ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 4
        if profile is not None:
            options.enable_profiling = True
            options.profile_file_prefix = profile
        if self._half_storage:
            model, options.graph_optimization_level = self._rounding(path, model)
        if self._exact:
            options.add_session_config_entry(EXACT, "1")
        try:
            self._session = self._ort.InferenceSession(model, options, providers=[self.provider])
        except (
            Exception
        ) as error:  # only ONNX Runtime runs in there, and its exceptions have no common base of their own
            raise self._refusal(path, error) from None

    def _rounding(self, path: str, model: Union[str, bytes]) -> Tuple[bytes, Any]:
        if isinstance(model, str):
            with open(model, "rb") as file:
                model = file.read()
        try:
            return rounding(self._ort, model)
        except ValueError as error:
            raise UserError("{} is not an ONNX model ({}); export it again".format(path, error)) from None

    def describe(self) -> Dict[str, Any]:
        """Name, version, provider and threads, for the result file."""
        return {
            "name": self.name,
            "version": self._ort.__version__,
            "provider": self.provider,
            "threads": self.threads,
        }

    def _try(self, path: str, batch: int) -> None:
        """Run once: a batch that is free in the header may still be fixed inside the graph, by a Reshape."""
        try:
            self.run(np.zeros((batch,) + self.input_shape, np.float32))
        except Exception as error:  # as above: only ONNX Runtime runs in there
            why = " ".join(str(error).split())
            if isinstance(error, MemoryError) or _MEMORY.search(why):
                raise BeyondMemoryError(
                    "{} at batch {} does not fit the memory ({}); use a smaller --batch".format(path, batch, why)
                ) from None
            raise UserError(
                "{} fails at batch {} ({}); use --batch 1 or export it with a free batch".format(path, batch, why)
            ) from None

    def _refusal(self, path: str, error: Exception) -> UserError:
        why = " ".join(str(error).split())
        if type(error).__name__ == "InvalidProtobuf" or os.path.getsize(path) == 0:
            return UserError("{} is not an ONNX model ({}); export it again".format(path, why))
        return UserError(
            "ONNX Runtime {} refuses {} ({}); if its opset or IR is too new, export with a lower --opset "
            "or install a newer onnxruntime".format(self._ort.__version__, path, why)
        )


def first_missing(path: str, tensors: Sequence[str]) -> Optional[str]:
    """The first of the tensors that no node of a model writes; None if all are there."""
    with open(path, "rb") as file:
        content = file.read()
    return next((name for name in tensors if field(_WRITTEN, name.encode()) not in content), None)


def _import_onnxruntime() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise UserError(
            "the engine onnxruntime needs the package onnxruntime, which cannot be imported here ({}); "
            "install it with: python3 -m pip install onnxruntime".format(error)
        ) from None
    # Its own log lines go to stderr beside ours; what matters of them comes as an exception.
    onnxruntime.set_default_logger_severity(4)
    return onnxruntime


def _input_shape(path: str, inputs: Any, batch: int) -> Tuple[int, ...]:
    if len(inputs) != 1:
        names = ", ".join(tensor.name for tensor in inputs) or "none"
        raise UserError("{} has the inputs: {}; only a model with exactly one can be measured".format(path, names))
    if inputs[0].type != "tensor(float)":
        raise UserError("the input of {} is {}; only float32 can be measured".format(path, inputs[0].type))
    return shape_of_images(path, inputs[0].shape, batch)
