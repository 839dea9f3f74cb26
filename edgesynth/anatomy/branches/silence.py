"""The parameters that must be zero so that a branch gives zeros.

A layer or a normalization gives zeros if its own weight and bias are zero. Whether a later operation keeps zeros is not
looked up in a table: the operation is called on zeros, with arbitrary values for its other inputs.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import Any

import torch
from torch import Tensor, fx
from torch.utils._pytree import tree_leaves

from edgesynth.anatomy.tracing.graph import op_name

LAYERS = ("conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "linear")
NORMALIZATIONS = ("batch_norm", "layer_norm", "group_norm", "instance_norm", "rms_norm")


Silencing = frozenset[fx.Node] | None


def silencing(
    step: fx.Node,
    inside: AbstractSet[fx.Node],
    trained: AbstractSet[fx.Node],
    known: dict[fx.Node, Silencing] | None = None,
) -> Silencing:
    """Parameters that, all zero, make an operation give zeros whatever the network's input is.

    Args:
        step: the operation.
        inside: operations and parameters of the branch that it belongs to.
        trained: placeholders of parameters, buffers left out.
        known: results for operations of the same branch; this call adds to them.

    Returns:
        Their placeholders; None if there are none in the branch.
    """
    known = {} if known is None else known
    if step not in known:
        known[step] = _silencing(step, inside, trained, known) if step in inside else None
    return known[step]


def _silencing(
    step: fx.Node, inside: AbstractSet[fx.Node], trained: AbstractSet[fx.Node], known: dict[fx.Node, Silencing]
) -> Silencing:
    if step in trained:
        return frozenset([step])
    if step.op != "call_function":
        return None
    if step.target is operator.getitem:
        source = step.args[0]
        return silencing(source, inside, trained, known) if isinstance(source, fx.Node) else None
    inputs = list(dict.fromkeys(step.all_input_nodes))
    own = frozenset(given for given in inputs if given in trained and given in inside)
    name = op_name(step)
    if own and name in LAYERS:
        return own if {given for given in inputs[1:] if given.op == "placeholder"} <= own else None
    affine = name in NORMALIZATIONS and own >= {given for given in inputs[1:] if given in trained}
    if own and (affine or gives_zero(step, own)):
        # What comes before is silenced too where it can be: before a normalization, the layer that it follows.
        return own | (silencing(inputs[0], inside, trained, known) or frozenset())
    parts = {given: silencing(given, inside, trained, known) for given in inputs}
    silent = [given for given in inputs if parts[given]]
    for zeros in [*([given] for given in silent), silent]:
        if zeros and gives_zero(step, zeros):
            return frozenset().union(*(parts[given] or frozenset() for given in zeros))
    return None


def gives_zero(step: fx.Node, zeros: Iterable[fx.Node]) -> bool:
    """Whether an operation gives only zeros if some of its inputs are zero."""
    chosen = set(zeros)
    source = torch.Generator().manual_seed(0)

    def given(node: fx.Node) -> Any:
        meta = node.meta.get("val")
        if not isinstance(meta, Tensor):
            raise TypeError(f"{node.name} is no tensor")
        shape = tuple(int(size) for size in meta.shape)
        if node in chosen:
            return torch.zeros(shape, dtype=meta.dtype)
        if meta.dtype == torch.bool:  # some true and some not, and of a mask not a whole row
            return (torch.arange(math.prod(shape)) % 2 == 0).reshape(shape)
        if not meta.dtype.is_floating_point:
            return torch.ones(shape, dtype=meta.dtype)
        sign = torch.rand(shape, generator=source).sub(0.5).sign()
        return (sign * (torch.rand(shape, generator=source) + 0.5)).to(meta.dtype)

    try:
        with torch.no_grad():
            result = step.target(*fx.map_arg(step.args, given), **fx.map_arg(step.kwargs, given))  # type: ignore[operator]
    except Exception:  # whatever an operation makes of such values: it is not known to give zeros
        return False
    tensors = [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
    return bool(tensors) and all(not bool(tensor.any()) for tensor in tensors)
