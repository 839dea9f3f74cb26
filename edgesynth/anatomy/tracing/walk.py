"""Walk the exported graph with the rules: which channels reach which op, and which ops are layers."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import torch
from torch import fx, nn

from edgesynth.anatomy.channels import Channels, Value
from edgesynth.anatomy.layers import LayerUse
from edgesynth.anatomy.rules import Call, Operand, apply_rule
from edgesynth.anatomy.rules.products.recurrent import recurrent_layers
from edgesynth.anatomy.rules.views.slicing import write_part
from edgesynth.anatomy.tracing.graph import (
    CONVOLUTIONS,
    PRODUCTS,
    TRANSPOSED,
    aliases,
    dtype_of,
    module_of,
    named_arguments,
    op_name,
    parameter_names,
    shapes_of,
    where,
)
from edgesynth.errors import UserError


@dataclass
class Walk:
    """What the walk over the graph found out.

    Attributes:
        batch: inputs in the example; counts for one input are the graph's counts divided by it.
        channels: the ledger that the rules wrote.
        layers: calls of layers, in order.
        uncounted: {op and module: multiply-accumulates for one input} of layers whose weight is computed, and not
            element by element.
        fixed: weights that are buffers, such as those of a blur; they are no synapses.
        made: what is known of what each node of the graph gives, before others write to it in place.
        multiplying: the node of each of the ledger's products.
    """

    batch: int = 1
    channels: Channels = field(default_factory=Channels)
    layers: list[LayerUse] = field(default_factory=list)
    uncounted: dict[str, int] = field(default_factory=dict)
    fixed: set[str] = field(default_factory=set)
    made: dict[fx.Node, list[Value]] = field(default_factory=dict)
    multiplying: list[fx.Node] = field(default_factory=list)


def walk(program: torch.export.ExportedProgram, model: nn.Module, channels: Channels | None = None) -> Walk:
    """Follow the channels through the graph of an exported model.

    Args:
        program: the graph.
        model: the network that it is of.
        channels: the ledger of another graph of the same network, to be continued; a new one by default.
    """
    result = Walk(_batch(program), channels or Channels())
    given = set(program.graph_signature.user_outputs)  # a graph of training also puts out the buffers that it changes
    names = parameter_names(program, model)
    buffers = {name for name, _ in model.named_buffers(remove_duplicate=False)}
    values: dict[fx.Node, list[Value]] = {}
    for node in program.graph.nodes:
        if node.op == "placeholder":
            values[node] = [Value(shape) for shape in shapes_of(node)]
        elif node.op == "call_function":
            values[node] = _call(node, values, names, buffers, result)
            result.made[node] = values[node]
            result.multiplying += [node] * (len(result.channels.products) - len(result.multiplying))
            _write_back(node, values, result)
        elif node.op == "get_attr":
            values[node] = [Value(())]
        elif node.op == "output":
            for value in (value for output in node.all_input_nodes if output.name in given for value in values[output]):
                if value.atoms is not None:
                    result.channels.protect(value.atoms, "output of the network")
        else:
            raise UserError(f"the traced graph holds a node of kind {node.op!r} ({node.name}), which is not supported")
    return result


def _call(
    node: fx.Node, values: dict[fx.Node, list[Value]], names: dict[str, str], buffers: set[str], result: Walk
) -> list[Value]:
    if getattr(node.target, "__name__", "") == "getitem":
        source, index = node.args
        assert isinstance(source, fx.Node) and isinstance(index, int)
        return [values[source][index]]

    def operand(argument: Any) -> Any:
        if isinstance(argument, fx.Node):
            name = names.get(argument.name)
            return Operand(values[argument][0], name, dtype_of(argument), name in buffers)
        if isinstance(argument, (list, tuple)):
            return [operand(item) for item in argument]
        return argument

    arguments = named_arguments(node, operand)
    call = Call(op_name(node), node.target, arguments, shapes_of(node), where(node), result.channels, module_of(node))
    layer = _layer(call, result.batch)
    outputs = apply_rule(call)
    if isinstance(layer, int) and layer and not _is_trained(call):
        call.count(layer * result.batch, outputs[0].along(1))
    elif isinstance(layer, int):
        result.uncounted[call.where] = result.uncounted.get(call.where, 0) + layer
    elif layer and layer.weight in buffers:
        result.fixed.add(layer.weight)
        shape = next(operand.value.shape for operand in call.operands() if operand.parameter == layer.weight)
        call.count(layer.positions * math.prod(shape) * result.batch, outputs[0].along(1))
    elif layer:
        result.layers.append(layer)
    result.layers += recurrent_layers(call, result.batch)
    return outputs


def _write_back(node: fx.Node, values: dict[fx.Node, list[Value]], result: Walk) -> None:
    """An op that writes in place changes its first argument too, and the tensor that this is a view of.

    That matters where the tensor is read again afterwards.
    """
    if not aliases(node, writes=True):
        return
    source = node.args[0]
    assert isinstance(source, fx.Node)
    values[source] = values[node]
    chain = [source]  # the tensor that is written to, what it is a view of, and so on
    while source.op == "call_function" and aliases(source, writes=False):
        source = source.args[0]
        if not isinstance(source, fx.Node):
            return
        chain.append(source)
    read_again = any(node < user for base in chain[1:] for user in base.users)
    for view, base in pairwise(chain):
        whole, part = values[base][0], values[view][0]
        is_range = op_name(view) in ("slice", "narrow")
        axis = named_arguments(view, lambda argument: argument).get("dim") if is_range else None
        after = write_part(result.channels, whole, part, axis, where(node)) if read_again else Value(whole.shape)
        values[base] = [after]


def _batch(program: torch.export.ExportedProgram) -> int:
    """Inputs at once: the size of the first dimension of the first input, if it has others.

    A network that convolves that input without a batch, as (C, H, W), takes one at a time.
    """
    inputs = set(program.graph_signature.user_inputs)
    shape = next((shape for node in program.graph.nodes if node.name in inputs for shape in shapes_of(node)), ())
    unbatched = any(
        len(shapes_of(images)[0]) < len(shapes_of(weight)[0])
        for node in program.graph.nodes
        if node.op == "call_function" and op_name(node) in (*CONVOLUTIONS, *TRANSPOSED)
        for images, weight in [node.args[:2]]
        if len(shapes_of(images)[0]) == len(shape)
    )
    return shape[0] if len(shape) > 1 and not unbatched else 1


def _layer(call: Call, batch: int) -> LayerUse | int | None:
    """The layer that a call is; None if it is none. Where its weight is computed, its multiply-accumulates."""
    name = PRODUCTS.get(call.op, "weight" if call.op in (*CONVOLUTIONS, *TRANSPOSED, "linear") else "")
    weight = call.args.get(name)
    if not isinstance(weight, Operand):
        return None
    rank = len(weight.value.shape)
    if rank < 2 or (rank > 2 and call.op in PRODUCTS):
        return None
    transposed, convolves = call.op in TRANSPOSED, call.op in (*CONVOLUTIONS, *TRANSPOSED)
    if convolves:
        shape = call.args["input"].value.shape if transposed else call.shape
        positions = math.prod(shape) // shape[1 - rank]
    else:
        positions = math.prod(call.shape[:-1])
    positions = max(1, positions // batch)
    groups = call.args.get("groups", 1) if transposed else 1
    written = int(transposed or call.op in PRODUCTS)
    if weight.parameter is not None:
        return LayerUse(weight.parameter, written, groups, positions)
    source = weight.weight()
    if source is not None and not source.buffer and source.along(written) is not None:
        return LayerUse(source.parameter, source.dims[written][0], groups, positions)
    return None if call.op in PRODUCTS else positions * math.prod(weight.value.shape)  # or of two activations


def _is_trained(call: Call) -> bool:
    """Whether a weight that is computed comes from anything but buffers."""
    sources = call.args["weight"].sources
    return not sources or any(not source.buffer for source in sources)
