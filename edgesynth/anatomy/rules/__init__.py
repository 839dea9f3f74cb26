"""One small rule per kind of operation: how its output's channels follow from its inputs'.

A rule is a function `(call: Call) -> Value` (or a list of values for an op with several outputs), registered under the
ATen names it speaks for. What torch itself marks as pointwise needs no entry: one rule serves all. An op without a rule
protects the channels that reach it and says so.
"""

from __future__ import annotations

import torch

from edgesynth.anatomy.channels import Value
from edgesynth.anatomy.rules import (
    attention,
    contraction,
    convolution,
    fourier,
    joining,
    normalization,
    pooling,
    recurrent,
    reduction,
    sampling,
    shaping,
    slicing,
)
from edgesynth.anatomy.rules.call import RULES, Call, Operand
from edgesynth.anatomy.rules.computed import derive, taint
from edgesynth.anatomy.rules.elementwise import pointwise

__all__ = [
    "RULES",
    "Call",
    "Operand",
    "apply_rule",
    "attention",
    "contraction",
    "convolution",
    "fourier",
    "joining",
    "normalization",
    "pooling",
    "recurrent",
    "reduction",
    "sampling",
    "shaping",
    "slicing",
]


def apply_rule(call: Call) -> list[Value]:
    """Outputs of an op by its rule; without a rule, what reaches it is protected and what leaves it is unknown."""
    derived = derive(call)
    if derived is not None:
        return derived
    found = RULES.get(call.op)
    if found is None and torch.Tag.pointwise in getattr(call.target, "tags", ()):
        found = pointwise
    schema = getattr(call.target, "_schema", None)
    if found is None and schema is not None and not schema.returns:
        return [Value(())]  # an assertion: it looks and gives nothing
    if found is None:
        for operand in call.operands():
            call.protect(operand.value, f"no rule for {call.op}")
        return taint(call, [Value(shape) for shape in call.shapes])
    result = found(call)
    return taint(call, result if isinstance(result, list) else [result])
