"""One small rule per kind of operation: how its output's channels follow from its inputs'.

A rule is a function `(call: Call) -> Value` (or a list of values for an op with several outputs), registered under the
ATen names it speaks for. What torch itself marks as pointwise needs no entry: one rule serves all. An op without a rule
protects the channels that reach it and says so.
"""

from __future__ import annotations

import importlib
import pkgutil

import torch

from edgesynth.anatomy.channels import Value
from edgesynth.anatomy.rules.call import RULES, Call, Operand
from edgesynth.anatomy.rules.computed import derive, taint
from edgesynth.anatomy.rules.elementwise import pointwise

__all__ = ["RULES", "Call", "Operand", "apply_rule"]

for _module in pkgutil.walk_packages(__path__, f"{__name__}."):
    importlib.import_module(_module.name)  # registers its rules: a new file of rules is named nowhere else


def apply_rule(call: Call) -> list[Value]:
    """Outputs of an op by its rule; without a rule, what reaches it is protected and what leaves it is unknown."""
    derived = derive(call)
    if derived is not None:
        return derived
    apply = RULES.get(call.op)
    if apply is None and torch.Tag.pointwise in getattr(call.target, "tags", ()):
        apply = pointwise
    schema = getattr(call.target, "_schema", None)
    if apply is None and schema is not None and not schema.returns:
        return [Value(())]  # an assertion: it looks and gives nothing
    if apply is None:
        for operand in call.operands():
            call.protect(operand.value, f"no rule for {call.op}")
        return taint(call, [Value(shape) for shape in call.shapes])
    result = apply(call)
    return taint(call, result if isinstance(result, list) else [result])
