"""Small files of one layer each: convolution, pooling, recurrence, normalization, sampling, selection."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx

from benchmarks.compiler_zoo.small.model import model, node, single, weight, whole

_SIGNAL = {"x": ("FLOAT", [1, 4, 16])}
_VOLUME = {"x": ("FLOAT", [1, 2, 4, 4, 4])}
_FIVE = {"x": ("FLOAT", [1, 2, 4, 4, 4, 4])}
_STEPS = {"x": ("FLOAT", [5, 1, 3])}
_SQUARE = {"x": ("FLOAT", [2, 4, 4])}
_BOXES = {"b": ("FLOAT", [1, 10, 4]), "s": ("FLOAT", [1, 2, 10])}
_HALF_SIZE = np.float32([1, 1, 0.5, 0.5])
_TWICE = np.float32([1, 1, 2, 2])


def _recurrent(op: str, gates: int, **attributes: Any) -> onnx.ModelProto:
    both = 2 if attributes.get("direction") == "bidirectional" else 1
    weights = {"w": weight(both, 4 * gates, 3), "r": weight(both, 4 * gates, 4)}
    return single(op, "xwr", inputs=_STEPS, weights=weights, hidden_size=4, **attributes)


def _resize(scales: Any = _TWICE, opset: int = 17, **attributes: Any) -> onnx.ModelProto:
    return single("Resize", ["x", "", "k"], weights={"k": scales}, opset=opset, **attributes)


def _normalization(**attributes: Any) -> onnx.ModelProto:
    training = attributes.get("training_mode", 0)
    values = {name: np.abs(weight(4)) for name in "sbmv"}
    return single("BatchNormalization", "xsbmv", ("out", "", "")[: 1 + 2 * training], weights=values, **attributes)


def _layer_normalization(written: tuple[str, ...]) -> onnx.ModelProto:
    return single("LayerNormalization", "xs", written, weights={"s": weight(16)})


def _dropout(training: bool) -> onnx.ModelProto:
    return single("Dropout", ["x", "", "t"], weights={"t": np.array(training)})


def _of_two(op: str, **given: Any) -> onnx.ModelProto:
    return single(op, ("x", "y"), inputs={"x": ("FLOAT", [3]), "y": ("FLOAT", [2, 3, 4])}, **given)


FILES: dict[str, onnx.ModelProto] = {
    "convolution": single("Conv", "xw", weights={"w": weight(8, 4, 3, 3)}),
    "1D convolution": single("Conv", "xw", inputs=_SIGNAL, weights={"w": weight(8, 4, 3)}),
    "3D convolution": single("Conv", "xw", inputs=_VOLUME, weights={"w": weight(8, 2, 3, 3, 3)}),
    "4D convolution": single("Conv", "xw", inputs=_FIVE, weights={"w": weight(8, 2, 2, 2, 2, 2)}),
    "weights from the caller": single(
        "Conv", "xw", inputs={"x": ("FLOAT", [1, 4, 16, 16]), "w": ("FLOAT", [8, 4, 3, 3])}
    ),
    "transposed convolution": single("ConvTranspose", "xw", weights={"w": weight(4, 8, 2, 2)}, strides=[2, 2]),
    "deformable convolution": single(
        "DeformConv",
        "xwo",
        inputs={"x": ("FLOAT", [1, 4, 8, 8]), "o": ("FLOAT", [1, 18, 8, 8])},
        weights={"w": weight(4, 4, 3, 3)},
        opset=19,
        pads=[1, 1, 1, 1],
    ),
    "1D pooling": single("MaxPool", inputs=_SIGNAL, kernel_shape=[2]),
    "3D pooling of 5 axes": single("MaxPool", inputs=_VOLUME, kernel_shape=[2, 2, 2]),
    "4D pooling": single("MaxPool", inputs=_FIVE, kernel_shape=[2, 2, 2, 2]),
    "dilated pooling": single("MaxPool", kernel_shape=[2, 2], dilations=[2, 2]),
    "indices of pooling": single("MaxPool", written=("out", "i"), kernel_shape=[2, 2]),
    "unpooling": single(
        "MaxUnpool", "xi", inputs={"x": ("FLOAT", [1, 4, 8, 8]), "i": ("INT64", [1, 4, 8, 8])}, kernel_shape=[2, 2]
    ),
    "L2 pooling": single("LpPool", kernel_shape=[2, 2], p=2),
    "L3 pooling": single("LpPool", kernel_shape=[2, 2], p=3),
    "LSTM": _recurrent("LSTM", 4),
    "LSTM, both ways": _recurrent("LSTM", 4, direction="bidirectional"),
    "LSTM, coupled gates": _recurrent("LSTM", 4, input_forget=1),
    "LSTM, ways that differ": _recurrent(
        "LSTM", 4, direction="bidirectional", activations=["Sigmoid", "Tanh", "Tanh", "Sigmoid", "Relu", "Relu"]
    ),
    "GRU": _recurrent("GRU", 3),
    "RNN": _recurrent("RNN", 1),
    "batch normalization": _normalization(),
    "batch normalization in training": _normalization(training_mode=1),
    "layer normalization": _layer_normalization(("out",)),
    "layer normalization with its mean": _layer_normalization(("out", "mean")),
    "group normalization": single(
        "GroupNormalization", "xsb", weights={"s": weight(4), "b": weight(4)}, opset=21, num_groups=2
    ),
    "instance normalization": single("InstanceNormalization", "xsb", weights={"s": weight(4), "b": weight(4)}),
    "Lp normalization": single("LpNormalization", p=1),
    "Dropout": _dropout(False),
    "Dropout in training": _dropout(True),
    "bilinear Resize": _resize(mode="linear"),
    "bicubic Resize": _resize(mode="cubic"),
    "Resize, antialiased": _resize(_HALF_SIZE, 18, mode="linear", antialias=1),
    "Resize, cropping": single(
        "Resize",
        ["x", "r", "k"],
        weights={"r": np.float32([0] * 4 + [1] * 4), "k": _TWICE},
        coordinate_transformation_mode="tf_crop_and_resize",
    ),
    "Resize, aspect kept": single(
        "Resize",
        ["x", "", "", "k"],
        weights={"k": whole(20, 30)},
        opset=18,
        axes=[2, 3],
        keep_aspect_ratio_policy="not_larger",
    ),
    "Resize, TensorFlow's rounding": _resize(
        coordinate_transformation_mode="tf_half_pixel_for_nn", nearest_mode="floor"
    ),
    "GridSample": single("GridSample", "xg", inputs={"x": ("FLOAT", [1, 4, 8, 8]), "g": ("FLOAT", [1, 5, 5, 2])}),
    "AffineGrid": single(
        "AffineGrid", "xn", inputs=_SQUARE | {"x": ("FLOAT", [1, 2, 3])}, weights={"n": whole(1, 1, 4, 4)}, opset=20
    ),
    "RoiAlign": single(
        "RoiAlign",
        ["x", "r", "i"],
        inputs={"x": ("FLOAT", [1, 4, 8, 8]), "r": ("FLOAT", [2, 4])},
        weights={"i": whole(0, 0)},
        output_height=3,
        output_width=3,
    ),
    "NonMaxSuppression": single(
        "NonMaxSuppression",
        ["b", "s", "n", "i"],
        inputs=_BOXES,
        out="INT64",
        weights={"n": whole(3), "i": np.float32([0.5])},
    ),
    "TopK": single("TopK", "xk", ("out", "i"), inputs={"x": ("FLOAT", [1, 8000])}, weights={"k": whole(10)}),
    "TopK of 5000": single("TopK", "xk", ("out", "i"), inputs={"x": ("FLOAT", [1, 8000])}, weights={"k": whole(5000)}),
    "TopK, unsorted": single(
        "TopK", "xk", ("out", "i"), inputs={"x": ("FLOAT", [1, 8000])}, weights={"k": whole(10)}, sorted=0
    ),
    "ScatterND": single(
        "ScatterND", "xiu", inputs=_SQUARE, weights={"i": whole(0, 1).reshape(2, 1), "u": weight(2, 4, 4)}
    ),
    "ScatterND, adding": single(
        "ScatterND",
        "xiu",
        inputs=_SQUARE,
        weights={"i": whole(0, 1).reshape(2, 1), "u": weight(2, 4, 4)},
        reduction="add",
    ),
    "ScatterElements, adding": single(
        "ScatterElements",
        "xiu",
        inputs=_SQUARE,
        weights={"i": whole(0).reshape(1, 1, 1), "u": weight(1, 1, 1)},
        reduction="add",
    ),
    "CumSum": single("CumSum", "xa", weights={"a": np.int64(1)}),
    "CumSum, axis from the caller": single("CumSum", "xa", inputs={"x": ("FLOAT", [4, 4]), "a": ("INT64", [])}),
    "Einsum": single("Einsum", "xx", inputs=_SQUARE, equation="bij,bjk->bik"),
    "Einsum with a diagonal": single("Einsum", "x", inputs=_SQUARE, equation="bii->bi"),
    "Einsum with an ellipsis": single("Einsum", "xx", inputs=_SQUARE, equation="...ij,...jk->...ik"),
    "Einsum in capitals": single("Einsum", "xx", inputs=_SQUARE, equation="BIJ,BJK->BIK"),
    "vector by tensor": _of_two("MatMul"),
    "Det": single("Det", inputs=_SQUARE),
    "DFT": single("DFT", inputs={"x": ("FLOAT", [1, 16, 1])}, axis=1),
    "STFT": single(
        "STFT", ["x", "s", "w"], inputs={"x": ("FLOAT", [1, 64, 1])}, weights={"s": np.int64(8), "w": weight(16)}
    ),
    "Round": single("Round"),
    "Hardmax": single("Hardmax"),
    "Pad, reflected": single("Pad", "xp", weights={"p": whole(0, 0, 1, 1, 0, 0, 1, 1)}, mode="reflect"),
    "Pad, wrapped": single("Pad", "xp", weights={"p": whole(0, 0, 1, 1, 0, 0, 1, 1)}, mode="wrap", opset=19),
    "RandomNormalLike": single("RandomNormalLike"),
    "Bernoulli": single("Bernoulli"),
    "Multinomial": single("Multinomial", inputs={"x": ("FLOAT", [1, 4])}, out="INT32"),
    "ReverseSequence": single("ReverseSequence", "xn", inputs={"x": ("FLOAT", [4, 2])}, weights={"n": whole(2, 3)}),
    "Mish": single("Mish", opset=18),
    "Gelu": single("Gelu", opset=20),
    "Trilu": single("Trilu"),
    "detection head": model(
        [
            node("Conv", ["x", "w"], ["f"], pads=[1, 1, 1, 1]),
            node("Sigmoid", ["f"], ["s"]),
            node("Reshape", ["s", "shape"], ["r"]),
            node("TopK", ["r", "k"], ["out", "i"]),
        ],
        weights={"w": weight(8, 4, 3, 3), "shape": whole(0, -1), "k": whole(100)},
    ),
}
