"""A small ONNX model in one line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Kinds = Mapping[str, tuple[str, Sequence[int | str]]]
IMAGE: Kinds = {"x": ("FLOAT", ["N", 4, 16, 16])}


def model(
    nodes: Sequence[onnx.NodeProto],
    inputs: Kinds = IMAGE,
    out: str = "FLOAT",
    weights: Mapping[str, Any] | None = None,
    opset: int = 17,
    outputs: Sequence[str] = ("out",),
) -> onnx.ModelProto:
    """A model of these nodes.

    Args:
        nodes: in their order.
        inputs: type and shape by name, `N` for a free batch.
        out: type of the outputs.
        weights: stored arrays by name.
        opset: of ONNX.
        outputs: their names.
    """
    number = TensorProto.DataType.Value
    graph = helper.make_graph(
        list(nodes),
        "network",
        [helper.make_tensor_value_info(name, number(kind), shape) for name, (kind, shape) in inputs.items()],
        [helper.make_tensor_value_info(name, number(out), None) for name in outputs],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in (weights or {}).items()],
    )
    domains = {"", *(node.domain for node in nodes)}
    imports = [helper.make_opsetid(domain, 1 if domain else opset) for domain in sorted(domains)]
    return helper.make_model(graph, opset_imports=imports, ir_version=8 if opset < 19 else 10)


def single(op: str, read: Sequence[str] = ("x",), written: Sequence[str] = ("out",), **given: Any) -> onnx.ModelProto:
    """A model of one operator; `inputs`, `out`, `weights` and `opset` are those of `model`, the rest attributes."""
    own = {key: given.pop(key) for key in ("inputs", "out", "weights", "opset") if key in given}
    return model([node(op, read, written, **given)], outputs=[name for name in written if name], **own)


def node(op: str, read: Sequence[str], written: Sequence[str], **attributes: Any) -> onnx.NodeProto:
    """One operator."""
    return helper.make_node(
        op, list(read), list(written), name=attributes.pop("name", f"{op}_{written[0]}"), **attributes
    )


def weight(*shape: int) -> Any:
    """Values of a weight, FP32."""
    return np.random.default_rng(0).normal(0, 0.2, shape).astype(np.float32)


def whole(*values: int) -> Any:
    """INT64."""
    return np.array(values, np.int64)
