"""Small files with control flow, computed shapes, sequences and operators of other domains."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from benchmarks.compiler_zoo.small.model import IMAGE, model, node, single, weight, whole

_CONDITION = {"c": ("BOOL", [])}


def _branch(name: str, shape: tuple[int, ...]) -> onnx.GraphProto:
    constant = helper.make_node("Constant", [], [name], value=numpy_helper.from_array(np.ones(shape, np.float32)))
    return helper.make_graph([constant], name, [], [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)])


def _if(first: tuple[int, ...], second: tuple[int, ...]) -> onnx.ModelProto:
    return single("If", "c", inputs=_CONDITION, then_branch=_branch("a", first), else_branch=_branch("b", second))


def _loop(computed: bool) -> onnx.ModelProto:
    """Add ones to the image, a number of times that is stored or computed."""
    infos = helper.make_tensor_value_info
    body = helper.make_graph(
        [
            node("Identity", ["go"], ["again"]),
            node("Add", ["state", "step"], ["next"]),
        ],
        "body",
        [infos("i", TensorProto.INT64, []), infos("go", TensorProto.BOOL, []), infos("state", TensorProto.FLOAT, None)],
        [infos("again", TensorProto.BOOL, []), infos("next", TensorProto.FLOAT, None)],
    )
    count = [node("Size", ["x"], ["count"])] if computed else []
    weights = {"step": np.float32(1), "yes": np.array(True), **({} if computed else {"count": np.int64(3)})}
    return model([*count, node("Loop", ["count", "yes", "x"], ["out"], body=body)], weights=weights)


def _scan() -> onnx.ModelProto:
    infos = helper.make_tensor_value_info
    body = helper.make_graph(
        [node("Add", ["sum", "row"], ["next"]), node("Identity", ["next"], ["kept"])],
        "body",
        [infos("sum", TensorProto.FLOAT, [4]), infos("row", TensorProto.FLOAT, [4])],
        [infos("next", TensorProto.FLOAT, [4]), infos("kept", TensorProto.FLOAT, [4])],
    )
    given = {"x": ("FLOAT", [6, 4])}
    scan = node("Scan", ["zero", "x"], ["last", "out"], body=body, num_scan_inputs=1)
    return model([scan], given, weights={"zero": np.zeros(4, np.float32)})


def _reshape(**attributes: Any) -> onnx.ModelProto:
    nodes = [
        node("Shape", ["x"], ["shape"]),
        node("Gather", ["shape", "first"], ["batch"]),
        node("Concat", ["batch", "rest"], ["target"], axis=0),
        node("Reshape", ["x", "target"], ["out"], **attributes),
    ]
    return model(nodes, weights={"first": whole(0), "rest": whole(-1)})


def _resize_by_shape() -> onnx.ModelProto:
    """To twice the height and width, as the file computes them."""
    nodes = [
        node("Shape", ["x"], ["shape"]),
        node("Mul", ["shape", "twice"], ["sizes"]),
        node("Resize", ["x", "", "", "sizes"], ["out"], mode="linear"),
    ]
    return model(nodes, weights={"twice": whole(1, 1, 2, 2)})


def _sequence() -> onnx.ModelProto:
    nodes = [node("SequenceConstruct", ["x", "x"], ["s"]), node("ConcatFromSequence", ["s"], ["out"], axis=1)]
    return model(nodes)


_FIXED = {"x": ("FLOAT", [1, 4, 16, 16])}
_SHAPE = {**_FIXED, "n": ("INT64", [2])}
FILES: dict[str, onnx.ModelProto] = {
    "If of one shape": _if((2, 3), (2, 3)),
    "If of two shapes": _if((2, 3), (4, 3)),
    "If of two ranks": _if((3,), (2, 3)),
    "Loop, stored count": _loop(False),
    "Loop, computed count": _loop(True),
    "Scan": _scan(),
    "computed Reshape": _reshape(),
    "computed Reshape, zeros kept": _reshape(allowzero=1),
    "computed Resize": _resize_by_shape(),
    "Resize, scales from the caller": single("Resize", ["x", "", "s"], inputs={**_FIXED, "s": ("FLOAT", [4])}),
    "Range of FP32 from the caller": single(
        "Range", "abc", inputs={"a": ("FLOAT", []), "b": ("FLOAT", []), "c": ("FLOAT", [])}
    ),
    "Reduce, axes from the caller": single("ReduceSum", "xn", inputs=_SHAPE),
    "Squeeze, axes from the caller": single(
        "Squeeze", "xn", inputs={"x": ("FLOAT", [1, 1, 4]), "n": ("INT64", [1])}, opset=13
    ),
    "NonZero": single("NonZero", inputs=_FIXED, out="INT64"),
    "Compress": single("Compress", ["x", "c"], inputs={**_FIXED, "c": ("BOOL", [4])}, axis=1),
    "Unique": single("Unique", inputs={"x": ("FLOAT", [8])}),
    "Size": single("Size", out="INT64"),
    "OneHot": single("OneHot", ["x", "d", "v"], inputs={"x": ("INT64", [4])}, weights={"d": whole(10), "v": weight(2)}),
    "sequence": _sequence(),
    "another domain": single("FusedConv", "xw", weights={"w": weight(4, 4, 3, 3)}, domain="com.microsoft"),
    "opset 21": single("Relu", inputs=IMAGE, opset=21),
    "opset 22": single("Relu", inputs=IMAGE, opset=22),
    "opset 9": single("Relu", inputs=IMAGE, opset=9),
}
