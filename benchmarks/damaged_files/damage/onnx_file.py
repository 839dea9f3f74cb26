"""Damage within the protobuf of an ONNX file."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from benchmarks.damaged_files.damage.mutation import Mutation


def _onnx_model(path: Path, draws: random.Random) -> None:
    """A change within the protobuf: weights elsewhere, shapes, operators, attributes, versions."""
    import onnx

    model = onnx.load(str(path), load_external_data=False)
    graph = model.graph
    tensor = draws.choice(graph.initializer) if graph.initializer else graph.initializer.add()
    node = draws.choice(graph.node)
    change = draws.randrange(16)
    if change < 4:
        _send_elsewhere(model, tensor, node, draws)
    elif change == 4:
        tensor.dims[:] = draws.choice([[-1], [2**40], [2**62, 2**62], [0], [1] * 70, [3]])
    elif change == 5:
        tensor.data_type = draws.choice([0, 2, 7, 8, 16, 17, 99])
    elif change == 6:
        node.op_type = draws.choice(["", "NoSuchOp", "Relu", "Add", "Loop", "x" * 10000, "Conv\x1b[31m"])
    elif change == 7:
        del node.input[:]
    elif change == 8:
        node.input.append(draws.choice(["nowhere", node.output[0], ""]))
    elif change == 9:
        shape = graph.input[0].type.tensor_type.shape
        axis = draws.choice(shape.dim)
        axis.dim_value = draws.choice([0, -1, 1, 7, 2**31, 2**62])
    elif change == 10:
        del model.opset_import[:]
        if draws.random() < 0.7:
            model.opset_import.add(version=draws.choice([0, 1, 13, 99, 2**40]))
    elif change == 11:
        model.ir_version = draws.choice([0, 1, 99, 2**40])
    elif change == 12:
        del draws.choice([graph.node, graph.input, graph.output, graph.initializer])[:]
    elif change == 13:
        for attribute in node.attribute:
            if attribute.ints:
                attribute.ints[:] = draws.choice([[], [0, 0], [2**40, 2**40], [-1, -1], [1] * 50])
            elif attribute.HasField("i"):
                attribute.i = draws.choice([-1, 0, 2**40, 99])
    elif change == 14:
        node.name = graph.node[0].name = draws.choice(["", "\x1b[31m", "[/x]", "same"])
        node.output[0] = graph.node[0].output[0]
    else:
        graph.node.extend([graph.node[draws.randrange(len(graph.node))] for _ in range(3)])
    path.write_bytes(model.SerializeToString())


def _send_elsewhere(model: Any, tensor: Any, node: Any, draws: random.Random) -> None:
    """Let a tensor's values lie in a file: of the graph, an attribute, an inner graph, a function, a sparse tensor."""
    location = draws.choice(["/etc/passwd", "../../secret.txt", "../manifest.json", "missing.data", "", ".", "a\x00b"])
    place = draws.choice(["initializer", "attribute", "inner graph", "function", "sparse"])
    if place == "attribute":
        tensor = node.attribute.add(name="value", type=4).t
    elif place == "inner graph":
        tensor = node.attribute.add(name="body", type=5).g.initializer.add(name="w")
    elif place == "function":
        tensor = model.functions.add(name="f", domain="d").node.add(op_type="Constant").attribute.add(name="value").t
    elif place == "sparse":
        tensor = model.graph.sparse_initializer.add().values
    tensor.ClearField("raw_data")
    tensor.ClearField("float_data")
    tensor.data_type, tensor.data_location = 1, 1
    if place != "initializer":
        tensor.dims[:] = [4]
    del tensor.external_data[:]
    for key, value in (("location", location), ("offset", draws.choice(["0", "-1", "9" * 20, "x"])), ("length", "16")):
        tensor.external_data.add(key=key, value=value)


def _onnx_deep(path: Path, draws: random.Random) -> None:
    """Graphs within each other, deeper than anything that recurses will go."""

    def nested(number: int, message: bytes) -> bytes:
        size, length = bytearray(), len(message)
        while length > 0x7F:
            size.append(length & 0x7F | 0x80)
            length >>= 7
        return bytes([number << 3 | 2]) + bytes(size) + bytes([length]) + message

    graph = b""
    for _ in range(draws.choice([20, 60, 3000])):
        graph = nested(1, nested(5, nested(6, graph)))  # node.attribute.g
    path.write_bytes(path.read_bytes() + nested(7, graph))


ONNX: dict[str, Mutation] = {
    "model changed": _onnx_model,
    "graphs nested deeply": _onnx_deep,
}
