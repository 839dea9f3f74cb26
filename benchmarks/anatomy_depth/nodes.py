"""Count nodes of ONNX files: those that a file has, and those that it must have once branches are gone.

The second number comes from the file of the whole network, by rules of ONNX alone and nothing of edgesynth's graph:
the parameters with which a dead branch ends are zeros, zeros are followed through the graph, what they are added or
joined to stays, and what no output reads any more is left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Any

KINDS = {
    "layers": ("Conv", "ConvTranspose", "Gemm", "MatMul", "Einsum"),
    "normalizations": ("BatchNormalization", "LayerNormalization", "InstanceNormalization", "GroupNormalization"),
    "additions": ("Add", "Sum"),
}
# Zeros where their first input is.
PASSING = (
    *("Identity", "Cast", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Expand", "Tile", "Dropout"),
    *("Slice", "Split", "Gather", "GatherND", "Pad", "Resize", "Relu", "LeakyRelu", "HardSwish", "Gelu", "Erf", "Tanh"),
    *("MaxPool", "AveragePool", "GlobalAveragePool", "ReduceMean", "ReduceSum", "Neg", "Abs", "Sqrt", "Div"),
)


def counted(graph: Any) -> dict[str, int]:
    """{kind: nodes of an ONNX graph}."""
    return _by_kind(graph.node)


def expected(graph: Any, zeroed: Collection[str]) -> dict[str, int]:
    """{kind: nodes that are left of a network's graph without what gives zeros}.

    Args:
        graph: of the whole network, in the order of computation, its initializers named as the parameters.
        zeroed: names of the parameters that are zero.
    """
    initializers = {each.name for each in graph.initializer}
    zeros, instead = {*zeroed}, dict[str, str]()
    inputs: dict[int, list[str]] = {}
    for place, node in enumerate(graph.node):
        given = [instead.get(name, name) for name in node.input]
        living = [name for name in given if name not in zeros]
        inputs[place] = given
        if _is_zero(node.op_type, given, zeros):
            zeros.update(node.output)
        elif _drops_zeros(node.op_type, given, zeros) and not set(living) & initializers:
            inputs[place] = living
            if len(living) == 1:
                instead[node.output[0]] = living[0]
    needed = {instead.get(output.name, output.name) for output in graph.output}
    left = []
    for place, node in reversed([*enumerate(graph.node)]):
        if needed & {*node.output} and node.output[0] not in instead:
            left.append(node)
            needed.update(inputs[place])
    return _by_kind(left)


def _is_zero(kind: str, given: list[str], zeros: set[str]) -> bool:
    """Whether an operation gives zeros, by those of its inputs that are zeros."""
    zero = [name in zeros for name in given]
    if kind in ("Conv", "ConvTranspose", "Gemm"):
        return any(zero[:2]) and all(zero[2:])
    if kind in ("BatchNormalization", "LayerNormalization"):
        return zero[1] and all(zero[2:3])
    if kind in ("Mul", "MatMul"):
        return any(zero)
    if kind in ("Add", "Sub", "Sum", "Concat", "Max", "Min"):
        return all(zero)
    return kind in PASSING and zero[0]


def _drops_zeros(kind: str, given: list[str], zeros: set[str]) -> bool:
    """Whether an operation is the same without those of its inputs that are zeros (joined: without their channels)."""
    some = any(name in zeros for name in given)
    return some and (kind in ("Add", "Sum", "Concat") or (kind == "Sub" and given[0] not in zeros))


def _by_kind(nodes: Any) -> dict[str, int]:
    counts = Counter(node.op_type for node in nodes)
    return {kind: sum(counts[name] for name in names) for kind, names in KINDS.items()}
