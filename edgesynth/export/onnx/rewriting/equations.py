"""Einstein sums by lower-case letters: TensorRT's importer refuses others, which MaxViT has."""

from __future__ import annotations

import re
import string
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx


def lower_equations(model: onnx.ModelProto) -> None:
    """Name the indices of every Einsum by lower-case letters, in place; one that has more of them is left alone."""
    for node in model.graph.node:
        for item in node.attribute:
            if node.op_type == "Einsum" and item.name == "equation":
                item.s = _lowered(item.s.decode()).encode()


def _lowered(equation: str) -> str:
    """The same sum by lower-case letters; those that are so keep their names."""
    used = set(re.findall(r"[a-zA-Z]", equation))
    free = [letter for letter in string.ascii_lowercase if letter not in used]
    capitals = sorted(letter for letter in used if letter.isupper())
    if len(capitals) > len(free):
        return equation
    # Its own lower-case letter where that is free reads best.
    names: dict[str, str] = {}
    for capital in sorted(capitals, key=lambda letter: letter.lower() not in free):
        names[capital] = capital.lower() if capital.lower() in free else free[0]
        free.remove(names[capital])
    return re.sub(r"[A-Z]", lambda match: names[match[0]], equation)
