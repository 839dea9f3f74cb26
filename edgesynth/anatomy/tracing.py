"""Trace a network with torch.export and walk its graph with the rules.

The exported ATen graph names every parameter, so nothing depends on hooks, module types or object identities.
"""

from __future__ import annotations

import io
import logging
import math
import os
import re
import sysconfig
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, fx, nn

from edgesynth.anatomy.channels import Channels, Value
from edgesynth.anatomy.layers import LayerUse
from edgesynth.anatomy.rules import Call, Operand, apply_rule
from edgesynth.anatomy.rules.recurrent import recurrent_layers
from edgesynth.anatomy.rules.slicing import write_part
from edgesynth.errors import UserError

CONVOLUTIONS = ("conv1d", "conv2d", "conv3d")
TRANSPOSED = ("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
PRODUCTS = {"matmul": "other", "mm": "mat2", "addmm": "mat2"}
# Where files begin that hold no code of a user's network.
NOT_THEIRS = (os.path.dirname(torch.__file__), os.path.dirname(__file__), sysconfig.get_path("stdlib"), "<")


@dataclass
class Walk:
    """What the walk over the graph leaves: the ledger of channels and the layers in the order of their calls.

    The number of inputs is `batch`: what is counted for one is what all of them take, over their number. Layers whose
    weight is computed, and not element by element, are `uncounted`: {op and module: multiply-accumulates}. Weights
    that are buffers, as those of a blur, are `fixed`: they are no synapses.
    """

    batch: int = 1
    channels: Channels = field(default_factory=Channels)
    layers: list[LayerUse] = field(default_factory=list)
    uncounted: dict[str, int] = field(default_factory=dict)
    fixed: set[str] = field(default_factory=set)


def export(model: nn.Module, example_inputs: tuple[Tensor, ...]) -> torch.export.ExportedProgram:
    """Export a network in evaluation mode; the model is left as it was.

    Raises:
        UserError: torch.export cannot trace it; the reason is quoted.
    """
    with evaluating(model), torch.no_grad(), quiet():
        try:
            program = torch.export.export(model, example_inputs)
            # What forward keeps in attributes is a tensor of torch's tracer now, which nothing can copy.
            model(*example_inputs)
            return program
        except Exception as error:
            shapes = ", ".join(str(tuple(example.shape)) for example in example_inputs)
            raise UserError(
                f"{type(model).__name__} cannot be traced with inputs of shape {shapes}: {reason_of(error)}; "
                "its forward must not branch on values, and must take inputs of that shape"
            ) from error


def reason_of(error: Exception) -> str:
    """First line of what torch says, and the line of the user's code that it stumbled over."""
    first = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    text = str(error) + "".join(traceback.format_exception(error))
    frames = re.findall(r'File "([^"]+)", line (\d+), in \w+\n\s+(.+)', text)
    own = [frame for frame in frames if not frame[0].startswith(NOT_THEIRS)]
    if not own:
        return first
    path, line, code = own[-1]
    return f"{first} (at {os.path.basename(path)}:{line}: {code.strip()})"


@contextmanager
def quiet() -> Iterator[None]:
    """Keep torch from logging, warning and printing graphs that it fails on: what matters of that is quoted."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode for a while; each module's own mode comes back afterwards."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


def walk(program: torch.export.ExportedProgram, model: nn.Module, channels: Channels | None = None) -> Walk:
    """Follow the channels through the graph of an exported model.

    Args:
        program: the graph.
        model: the network that it is of.
        channels: a ledger to go on with, of another graph of the same network; a new one by default.
    """
    result = Walk(_batch(program), channels or Channels())
    given = set(program.graph_signature.user_outputs)  # a graph of training also puts out the buffers that it changes
    names = _parameter_names(program, model)
    buffers = {name for name, _ in model.named_buffers(remove_duplicate=False)}
    values: dict[fx.Node, list[Value]] = {}
    for node in program.graph.nodes:
        if node.op == "placeholder":
            values[node] = [Value(shape) for shape in _shapes(node)]
        elif node.op == "call_function":
            values[node] = _call(node, values, names, buffers, result)
            _write_back(node, values, result)
        elif node.op == "get_attr":
            values[node] = [Value(())]
        elif node.op == "output":
            for value in (value for one in node.all_input_nodes if one.name in given for value in values[one]):
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
            return Operand(values[argument][0], name, _dtype(argument), name in buffers)
        if isinstance(argument, (list, tuple)):
            return [operand(item) for item in argument]
        return argument

    arguments = _named_arguments(node, operand)
    call = Call(op_name(node), node.target, arguments, _shapes(node), _where(node), result.channels, _module(node))
    layer = _layer(call, result.batch)
    found = apply_rule(call)
    if isinstance(layer, int) and layer and not _is_trained(call):
        call.count(layer * result.batch, found[0].along(1))
    elif isinstance(layer, int):
        result.uncounted[call.where] = result.uncounted.get(call.where, 0) + layer
    elif layer and layer.weight in buffers:
        result.fixed.add(layer.weight)
        shape = next(one.value.shape for one in call.operands() if one.parameter == layer.weight)
        call.count(layer.positions * math.prod(shape) * result.batch, found[0].along(1))
    elif layer:
        result.layers.append(layer)
    result.layers += recurrent_layers(call, result.batch)
    return found


def _write_back(node: fx.Node, values: dict[fx.Node, list[Value]], result: Walk) -> None:
    """An op that writes in place changes its first argument too, and the tensor that this is a view of.

    That matters where the tensor is read again afterwards.
    """
    if not _aliases(node, writes=True):
        return
    source = node.args[0]
    assert isinstance(source, fx.Node)
    values[source] = values[node]
    chain = [source]  # the tensor that is written to, what it is a view of, and so on
    while source.op == "call_function" and _aliases(source, writes=False):
        source = source.args[0]
        if not isinstance(source, fx.Node):
            return
        chain.append(source)
    read_again = any(node < user for base in chain[1:] for user in base.users)
    for view, base in pairwise(chain):
        whole, part = values[base][0], values[view][0]
        axis = _named_arguments(view, lambda one: one).get("dim") if op_name(view) in ("slice", "narrow") else None
        after = write_part(result.channels, whole, part, axis, _where(node)) if read_again else Value(whole.shape)
        values[base] = [after]


def _aliases(node: fx.Node, writes: bool) -> bool:
    """Whether a node's output is its first argument, in whole or in part: a view, or what it has written to."""
    schema = getattr(node.target, "_schema", None)
    alias = schema.arguments[0].alias_info if schema is not None and schema.arguments else None
    return alias is not None and alias.is_write == writes


def _batch(program: torch.export.ExportedProgram) -> int:
    """Inputs at once: the size of the first dimension of the first input, if it has others.

    A network that convolves that input without a batch, as (C, H, W), takes one at a time.
    """
    inputs = set(program.graph_signature.user_inputs)
    shape = next((shape for node in program.graph.nodes if node.name in inputs for shape in _shapes(node)), ())
    unbatched = any(
        len(_shapes(images)[0]) < len(_shapes(weight)[0])
        for node in program.graph.nodes
        if node.op == "call_function" and op_name(node) in (*CONVOLUTIONS, *TRANSPOSED)
        for images, weight in [node.args[:2]]
        if len(_shapes(images)[0]) == len(shape)
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


def _dtype(node: fx.Node) -> torch.dtype:
    meta = node.meta.get("val")
    return meta.dtype if isinstance(meta, Tensor) else torch.float32


def op_name(node: fx.Node) -> str:
    """`conv2d` for aten.conv2d.default, `relu` for aten.relu_.default."""
    packet = getattr(node.target, "overloadpacket", node.target)
    name = getattr(packet, "__name__", str(node.target))
    return name.removesuffix("_") if not name.startswith("_") else name


def _named_arguments(node: fx.Node, convert: Callable[[Any], Any]) -> dict[str, Any]:
    schema = getattr(node.target, "_schema", None)
    if schema is None:
        return {str(place): convert(argument) for place, argument in enumerate(node.args)}
    named = {argument.name: argument.default_value for argument in schema.arguments if argument.has_default_value()}
    named.update({argument.name: convert(given) for argument, given in zip(schema.arguments, node.args, strict=False)})
    named.update({name: convert(given) for name, given in node.kwargs.items()})
    return named


def _shapes(node: fx.Node) -> list[tuple[int, ...]]:
    meta = node.meta.get("val")
    many = meta if isinstance(meta, (list, tuple)) else [meta]
    return [tuple(int(size) for size in one.shape) if isinstance(one, Tensor) else () for one in many]


def _where(node: fx.Node) -> str:
    path = _module(node)
    return f"{op_name(node)} in {path}" if path else op_name(node)


def _module(node: fx.Node) -> str:
    """Name of the module that calls it."""
    stack = node.meta.get("nn_module_stack") or {}
    return next((entry[0] for entry in reversed(list(stack.values())) if entry[0]), "")


def named_tensors(model: nn.Module) -> dict[str, Tensor]:
    """Every parameter and buffer under each of its names."""
    return {**dict(model.named_parameters(remove_duplicate=False)), **dict(model.named_buffers(remove_duplicate=False))}


def first_names(model: nn.Module) -> dict[int, str]:
    """{id of a tensor: the first of its names}."""
    first: dict[int, str] = {}
    for name, tensor in named_tensors(model).items():
        first.setdefault(id(tensor), name)
    return first


def _parameter_names(program: torch.export.ExportedProgram, model: nn.Module) -> dict[str, str]:
    """Placeholder name to the first name of its parameter or buffer."""
    tensors, first = named_tensors(model), first_names(model)
    signature = program.graph_signature
    lifted = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
    return {placeholder: first[id(tensors[name])] if name in tensors else name for placeholder, name in lifted.items()}
