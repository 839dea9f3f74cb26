"""Slimming: constants are folded and operators fused as far as the outputs stay the same.

onnxslim follows the sizes of maps through the graph in whole numbers, so that the 2.0 / 7 of a grid of coordinates
becomes 0 where the 7 is the width of a map. Such a file passes ONNX's checker; only its answers tell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from edgesynth.export.onnx.tolerance import MAX_FP32_REL

if TYPE_CHECKING:
    import onnx

DRAWS = ((1, 1.0), (2, 3.0), (3, 0.3))  # images, and the standard deviation of their pixels

Slim = Callable[["onnx.ModelProto"], "onnx.ModelProto"]


def slimmed(model: onnx.ModelProto, skip: Sequence[str] = (), compare: bool = True) -> onnx.ModelProto:
    """A model with constants folded and operators fused, as far as it computes the same.

    Where onnxslim changes an answer, the sizes of maps are written into the graph as constants first; then it is told
    to infer no shapes; in the end the model stays as it is. Answers are compared on several draws of images at several
    batches.

    Args:
        model: plain fp32 ONNX, of fixed or free batch and otherwise known input shape; spent then.
        skip: passes of onnxslim that are left out.
        compare: off for weights that no single file holds: the parity ledger alone holds them to the network then.
    """
    import onnx

    if not compare:
        return _slim(model, skip)
    original = model.SerializeToString()
    expected = _answers(original)
    for slim in _ways(skip):
        candidate = slim(onnx.load_model_from_string(original))
        if _same(_answers(candidate.SerializeToString()), expected):
            return candidate
    return model


def write_sizes(model: onnx.ModelProto) -> onnx.ModelProto:
    """Replace every size of a tensor that is known before it runs by a constant, in place.

    Returns:
        The same model.
    """
    from onnx import helper, numpy_helper, shape_inference

    inferred = shape_inference.infer_shapes(model).graph
    shapes = {
        value.name: [side.dim_value for side in value.type.tensor_type.shape.dim]
        for value in (*inferred.input, *inferred.value_info, *inferred.output)
    }
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer if tensor.dims == []}
    measured: dict[str, list[int]] = {}
    for node in model.graph.node:
        if node.op_type == "Constant" and node.attribute[0].HasField("t"):
            constants[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
        elif node.op_type == "Shape" and not node.attribute:
            measured[node.output[0]] = shapes.get(node.input[0], [])
        elif node.op_type == "Gather" and node.input[0] in measured and node.input[1] in constants:
            sides, places = measured[node.input[0]], constants[node.input[1]]
            sizes = np.array(sides, np.int64)[places] if sides else np.zeros(1)
            if (sizes > 0).all():  # 0 stands for the batch
                value = numpy_helper.from_array(np.asarray(sizes, np.int64))
                node.CopyFrom(helper.make_node("Constant", [], list(node.output), node.name, value=value))
    return model


def _slim(model: onnx.ModelProto, skip: Sequence[str], **options: Any) -> onnx.ModelProto:
    import onnxslim

    slim: onnx.ModelProto = onnxslim.slim(model, **({"skip_optimizations": list(skip)} if skip else {}), **options)
    return slim


def _ways(skip: Sequence[str]) -> Iterator[Slim]:
    """Ways to slim a model, from the one that folds most to the one that folds least."""
    yield lambda model: _slim(model, skip)
    yield lambda model: _slim(write_sizes(model), skip)
    yield lambda model: _slim(model, skip, no_shape_infer=True)


def _answers(model: bytes) -> list[list[np.ndarray] | None]:
    """Outputs of a model for each draw; None where it fails, which is reported when the file is read back."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    source = np.random.default_rng(0)
    answers: list[list[np.ndarray] | None] = []
    try:
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        (given,) = session.get_inputs()
    except Exception:  # ONNX Runtime's exceptions have no common base of their own
        return [None] * len(DRAWS)
    for batch, deviation in DRAWS:
        shape = [batch if isinstance(given.shape[0], str) else given.shape[0], *given.shape[1:]]
        images = source.normal(0, deviation, shape).astype(np.float32)
        try:
            answers.append(session.run(None, {given.name: images}))
        except Exception:
            answers.append(None)
    return answers


def _same(answers: list[list[np.ndarray] | None], expected: list[list[np.ndarray] | None]) -> bool:
    return all(
        wanted is None or (given is not None and all(map(_close, given, wanted)))
        for given, wanted in zip(answers, expected, strict=True)
    )


def _close(given: np.ndarray, wanted: np.ndarray) -> bool:
    if given.shape != wanted.shape:
        return False
    finite = wanted[np.isfinite(wanted)]
    largest = float(np.abs(finite).max()) if finite.size else 0.0
    return np.allclose(given, wanted, rtol=0, atol=MAX_FP32_REL * largest, equal_nan=True)
