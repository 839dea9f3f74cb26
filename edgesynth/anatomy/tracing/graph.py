"""What a node of the exported graph says: its op, arguments, shapes, module and parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx, nn

from edgesynth.anatomy.tracing.named_tensors import first_names, named_tensors

CONVOLUTIONS = ("conv1d", "conv2d", "conv3d")
TRANSPOSED = ("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
PRODUCTS = {"matmul": "other", "mm": "mat2", "addmm": "mat2"}


def op_name(node: fx.Node) -> str:
    """`conv2d` for aten.conv2d.default, `relu` for aten.relu_.default."""
    packet = getattr(node.target, "overloadpacket", node.target)
    name = getattr(packet, "__name__", str(node.target))
    return name.removesuffix("_") if not name.startswith("_") else name


def named_arguments(node: fx.Node, convert: Callable[[Any], Any]) -> dict[str, Any]:
    """{name: argument}, defaults included, each as `convert` gives it."""
    schema = getattr(node.target, "_schema", None)
    if schema is None:
        return {str(place): convert(argument) for place, argument in enumerate(node.args)}
    named = {argument.name: argument.default_value for argument in schema.arguments if argument.has_default_value()}
    named.update({argument.name: convert(given) for argument, given in zip(schema.arguments, node.args, strict=False)})
    named.update({name: convert(given) for name, given in node.kwargs.items()})
    return named


def shapes_of(node: fx.Node) -> list[tuple[int, ...]]:
    """Shape of each output; () of what is no tensor."""
    meta = node.meta.get("val")
    tensors = meta if isinstance(meta, (list, tuple)) else [meta]
    return [tuple(int(size) for size in tensor.shape) if isinstance(tensor, Tensor) else () for tensor in tensors]


def dtype_of(node: fx.Node) -> torch.dtype:
    """Number format of the output; float32 where it is no tensor."""
    meta = node.meta.get("val")
    return meta.dtype if isinstance(meta, Tensor) else torch.float32


def module_of(node: fx.Node) -> str:
    """Name of the module that calls it."""
    stack = node.meta.get("nn_module_stack") or {}
    return next((entry[0] for entry in reversed(list(stack.values())) if entry[0]), "")


def where(node: fx.Node) -> str:
    """Op and module, for messages: `conv2d in features.0`."""
    path = module_of(node)
    return f"{op_name(node)} in {path}" if path else op_name(node)


def aliases(node: fx.Node, writes: bool) -> bool:
    """Whether a node's output is its first argument, in whole or in part: a view, or what it has written to."""
    schema = getattr(node.target, "_schema", None)
    alias = schema.arguments[0].alias_info if schema is not None and schema.arguments else None
    return alias is not None and alias.is_write == writes


def parameter_names(program: torch.export.ExportedProgram, model: nn.Module) -> dict[str, str]:
    """Placeholder name to the first name of its parameter or buffer."""
    tensors, first = named_tensors(model), first_names(model)
    signature = program.graph_signature
    lifted = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
    return {placeholder: first[id(tensors[name])] if name in tensors else name for placeholder, name in lifted.items()}
