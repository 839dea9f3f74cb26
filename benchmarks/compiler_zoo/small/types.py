"""Small files whose types matter: of inputs, constants, casts and arithmetic."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper

from benchmarks.compiler_zoo.small.model import model, node, single, weight, whole


def _of(kind: str, shape: tuple[int, ...] = (1, 4, 16, 16)) -> dict[str, tuple[str, tuple[int, ...]]]:
    return {"x": (kind, shape)}


def _strings() -> onnx.ModelProto:
    constant = helper.make_node("Constant", [], ["s"], value_strings=[b"a", b"b"])
    return model([constant, node("Identity", ["s"], ["out"])], {}, "STRING")


FILES: dict[str, onnx.ModelProto] = {
    "UINT8 input, cast": single("Cast", inputs=_of("UINT8"), to=TensorProto.FLOAT),
    "UINT8 input, added": single("Add", "xx", inputs=_of("UINT8"), out="UINT8"),
    "INT8 input, added": single("Add", "xx", inputs=_of("INT8"), out="INT8"),
    "INT16 input": single("Cast", inputs=_of("INT16"), to=TensorProto.FLOAT),
    "UINT16 input": single("Cast", inputs=_of("UINT16"), to=TensorProto.FLOAT),
    "UINT32 input": single("Cast", inputs=_of("UINT32"), to=TensorProto.FLOAT),
    "BOOL input": single("Not", inputs=_of("BOOL"), out="BOOL"),
    "BOOL input, cast": single("Cast", inputs=_of("BOOL"), to=TensorProto.FLOAT),
    "BF16 input": single("Relu", inputs=_of("BFLOAT16"), out="BFLOAT16"),
    "DOUBLE input": single("Relu", inputs=_of("DOUBLE"), out="DOUBLE"),
    "DOUBLE weights": single("Add", "xw", inputs=_of("DOUBLE"), out="DOUBLE", weights={"w": np.float64([2])}),
    "INT64 arithmetic": single("Mul", "xw", inputs=_of("INT64"), out="INT64", weights={"w": whole(3)}),
    "INT32 division": single("Div", "xw", inputs=_of("INT32"), out="INT32", weights={"w": np.int32([3])}),
    "INT32 matrices": single("MatMul", "xx", inputs=_of("INT32"), out="INT32"),
    "INT64 clipped": single(
        "Clip",
        ["x", "low", "high"],
        inputs=_of("INT64"),
        out="INT64",
        weights={"low": np.int64(0), "high": np.int64(9)},
    ),
    "complex input": single("Identity", inputs=_of("COMPLEX64"), out="COMPLEX64"),
    "string input": single("Identity", inputs=_of("STRING", (2,)), out="STRING"),
    "string constant": _strings(),
    "cast to UINT8": single("Cast", to=TensorProto.UINT8, out="UINT8"),
    "cast to INT16": single("Cast", to=TensorProto.INT16, out="INT16"),
    "cast to FP8 E5M2": single("Cast", to=TensorProto.FLOAT8E5M2, out="FLOAT8E5M2", opset=19),
    "FP8 output": single("Cast", to=TensorProto.FLOAT8E4M3FN, out="FLOAT8E4M3FN", opset=19),
    "Celu in FP16": single("Celu", inputs=_of("FLOAT16"), out="FLOAT16"),
    "remainder of FP32": single("Mod", "xw", weights={"w": weight(1)}),
    "C's remainder of FP32": single("Mod", "xw", weights={"w": weight(1)}, fmod=1),
    "remainder of INT64": single("Mod", "xw", inputs=_of("INT64"), out="INT64", weights={"w": whole(3)}),
    "BitShift": single("BitShift", "xx", inputs=_of("UINT8"), out="UINT8", direction="LEFT"),
    "BitwiseAnd": single("BitwiseAnd", "xx", inputs=_of("INT32"), out="INT32", opset=18),
    "Xor": single("Xor", "xx", inputs=_of("BOOL"), out="BOOL"),
}
