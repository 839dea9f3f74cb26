"""Linear layers: rows are clusters, columns read the last dimension."""

from __future__ import annotations

from edgesynth.anatomy.channels import Value
from edgesynth.anatomy.rules.call import Call, Operand, rule


@rule("linear")
def linear(call: Call) -> Value:
    """Linear on (N, features) or (N, ..., features)."""
    features: Operand = call.args["input"]
    weight: Operand = call.args["weight"]
    rows = call.channels.fresh(weight.value.shape[0])
    call.bind(weight, 1, call.read(features.value, -1), "read")
    call.bind(weight, 0, rows, "weight")
    call.bind(call.args.get("bias"), 0, rows, "emit")
    return Value(call.shape, [*[None] * (len(call.shape) - 1), rows])
