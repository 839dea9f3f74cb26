"""Switch layers of a quantized model back to floating point, to see what each of them costs.

Quantizing again takes a second or more for each layer. Here a layer is connected to the plain model's tensors instead.
The result is the same except for a sum of two convolutions, where TensorRT's form would then quantize the other one.
The file that is kept in the end is always quantized again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx


def switched_back(
    quantized: onnx.ModelProto,
    plain: onnx.ModelProto,
    names: Collection[str],
    rounding: Collection[str],
    rounds_outputs: bool,
) -> onnx.ModelProto:
    """A copy of a Q/DQ model in which these layers compute in floating point.

    Args:
        quantized: of the plain model; nodes keep their names.
        plain: the fp32 model.
        names: of the layers that are switched.
        rounding: names of all nodes that are in INT8 so far.
        rounds_outputs: whether what a node in INT8 writes is rounded even where none that reads it is in INT8.
    """
    import onnx

    model = onnx.ModelProto()
    model.CopyFrom(quantized)
    names = {*names, *_sums_behind(model, names)}
    _read_plain_weights(model, plain, names)
    _take_out_pairs(model, plain, set(rounding) - names, rounds_outputs)
    return model


def _sums_behind(model: onnx.ModelProto, names: Collection[str]) -> list[str]:
    """Sums that were quantized because they read what a switched node writes, unrounded."""
    written = {name for node in model.graph.node if node.name in names for name in node.output}
    return [node.name for node in model.graph.node if node.op_type == "Add" and written.intersection(node.input)]


def _read_plain_weights(model: onnx.ModelProto, plain: onnx.ModelProto, names: Collection[str]) -> None:
    """Let these nodes read their constants as they were, in place."""
    before = {node.name: node for node in plain.graph.node}
    weights = {item.name: item for item in plain.graph.initializer}
    for node in (node for node in model.graph.node if node.name in names):
        for place, name in enumerate(before[node.name].input):
            if name in weights:
                # A name of its own: that of a bias is also what its DQ writes.
                node.input[place] = f"{name}_plain"
                _add_weight(model, weights[name], node.input[place])


def _add_weight(model: onnx.ModelProto, weight: onnx.TensorProto, name: str) -> None:
    if all(item.name != name for item in model.graph.initializer):
        model.graph.initializer.add().CopyFrom(weight)
        model.graph.initializer[-1].name = name


def _take_out_pairs(
    model: onnx.ModelProto, plain: onnx.ModelProto, rounding: Collection[str], rounds_outputs: bool
) -> None:
    """Connect nodes to the plain tensors where no INT8 node needs the quantized ones, in place."""
    before = {node.name: node for node in plain.graph.node}
    made_before = {name: node for node in plain.graph.node for name in node.output}
    makers = {name: node for node in model.graph.node for name in node.output}
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in model.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)

    def in_int8(node: onnx.NodeProto) -> bool:
        # A ReLU is rounded with what it reads, and only then.
        if node.name in rounding and node.op_type in ("Relu", "Clip"):
            return node.input[0] in makers and makers[node.input[0]].op_type == "DequantizeLinear"
        return node.name in rounding

    outputs = {value.name for value in model.graph.output}
    missing: list[onnx.NodeProto] = []
    for node in model.graph.node:
        if node.op_type != "DequantizeLinear" or node.input[0] not in makers:
            continue
        source = makers[node.input[0]].input[0]
        asking = readers.get(node.output[0], [])
        if any(map(in_int8, asking)):
            continue
        if rounds_outputs and source in makers and in_int8(makers[source]):
            continue
        if node.output[0] in outputs:
            node.op_type, node.input[:] = "Identity", [source]
            del node.attribute[:]
            continue
        maker = makers.get(source)
        # Rounding does a ReLU's work where no number is below 0: then the ReLU is gone, and what it read has its name.
        if maker is not None and maker.name in before and source not in before[maker.name].output:
            maker.output[:] = before[maker.name].output
            missing.append(made_before[source])
        for reader in asking:
            reader.input[:] = [source if name == node.output[0] else name for name in reader.input]
    _put_back(model, plain, missing)


def _put_back(model: onnx.ModelProto, plain: onnx.ModelProto, missing: Sequence[onnx.NodeProto]) -> None:
    """Insert plain nodes behind the nodes that they read, in place."""
    nodes = list(model.graph.node)
    for node in missing:
        for weight in (item for item in plain.graph.initializer if item.name in node.input):
            _add_weight(model, weight, weight.name)
        behind = [place for place, other in enumerate(nodes) if set(node.input).intersection(other.output)]
        nodes.insert(max(behind, default=-1) + 1, node)
    if missing:
        del model.graph.node[:]
        model.graph.node.extend(nodes)
