"""One small rule per kind of operation: how its output's channels follow from its inputs'.

A rule is a function `(call: Call) -> Value` (or a list of values for an op with several outputs), registered under the
ATen names it speaks for. An op without a rule protects the channels that reach it and says so.
"""

from edgesynth.anatomy.rules import convolution, elementwise, joining, linear, normalisation, pooling, shaping
from edgesynth.anatomy.rules.call import RULES, Call, Operand, apply_rule

__all__ = [
    "RULES",
    "Call",
    "Operand",
    "apply_rule",
    "convolution",
    "elementwise",
    "joining",
    "linear",
    "normalisation",
    "pooling",
    "shaping",
]
