"""The head of a network: what depends on the number of classes, be it one layer or several.

The ancestor is built for two numbers of classes: the tensors whose shapes differ are the head. From the difference
follows for how many classes the tensors of a file are. Of a network that takes no number of classes, the last layer is
the head, and its rows are the outputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from edgesynth.ancestors.registry import build_ancestor
from edgesynth.ancestors.weights.mismatch import COUNTER
from edgesynth.ancestors.weights.untrained import Untrained
from edgesynth.errors import UserError

FEW, MORE = 2, 3  # classes
CLASSES, OUTPUTS = ("class", "classes"), ("output", "outputs")
Shape = tuple[int, ...]


class Head(NamedTuple):
    """Tensors that depend on the number of classes.

    Attributes:
        shapes: {name: (its shape for `FEW` classes, its shape for `MORE`)}.
        unit: what is counted, one of it and several: `CLASSES`, or `OUTPUTS`.
    """

    shapes: dict[str, tuple[Shape, Shape]]
    unit: tuple[str, str]


def other_head(tensors: Mapping[str, Tensor], wanted: Mapping[str, Tensor], ancestor: str = "") -> Untrained | None:
    """The head, if all of it and nothing else has another shape in a file, and one that it has for some other number.

    Args:
        tensors: {name: tensor} of the file.
        wanted: {name: tensor} of the network.
        ancestor: the name that it was built by; without one the last layer is the head.
    """
    odd = {name for name in wanted if name in tensors and tensors[name].shape != wanted[name].shape}
    odd -= {name for name in odd if name.endswith(COUNTER)}
    if not odd:
        return None
    head = _by_building(ancestor, wanted) or _last_layer(wanted)
    was, now = _number(head, tensors), _number(head, wanted)
    if odd != head.shapes.keys() or was is None or now is None:
        return None
    layers = list(dict.fromkeys(name.rpartition(".")[0] for name in head.shapes))
    there = f"{was:,} {head.unit[was > 1]}"
    are, they_start = ("is", "it starts") if len(layers) == 1 else ("are", "they start")
    return Untrained(
        tuple(head.shapes),
        f"{', '.join(layers)} {are} of {there} there and of {now:,} here, so {they_start} untrained; all else is "
        "taken over",
    )


def _by_building(ancestor: str, wanted: Mapping[str, Tensor]) -> Head | None:
    """None where the ancestor has no number of classes to be built for."""
    if not ancestor:
        return None
    try:
        few, more = _shapes_for(ancestor, FEW), _shapes_for(ancestor, MORE)
    except UserError:  # it may take no such number
        return None
    both = {name: (few[name], more[name]) for name in wanted if name in few and name in more}
    shapes = {name: (at_few, at_more) for name, (at_few, at_more) in both.items() if at_few != at_more}
    return Head(shapes, CLASSES) if shapes else None


def _shapes_for(ancestor: str, classes: int) -> dict[str, Shape]:
    with torch.random.fork_rng(devices=[]):  # what is built here must not move the draws of a run
        network = build_ancestor(ancestor, classes)
    return {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}


def _last_layer(wanted: Mapping[str, Tensor]) -> Head:
    last = next(reversed(list(wanted))).rpartition(".")[0]
    inner = {name: tuple(tensor.shape[1:]) for name, tensor in wanted.items() if name.rpartition(".")[0] == last}
    return Head({name: ((FEW, *shape), (MORE, *shape)) for name, shape in inner.items()}, OUTPUTS)


def _number(head: Head, tensors: Mapping[str, Tensor]) -> int | None:
    """For how many classes the head's tensors are, by every side that depends on them; None if these do not agree."""
    numbers = set()
    for name, (few, more) in head.shapes.items():
        shape = tuple(tensors[name].shape) if name in tensors else ()
        if len(shape) != len(few):
            return None
        for side, at_few, at_more in zip(shape, few, more, strict=True):
            if at_few != at_more:
                numbers.add(FEW + (MORE - FEW) * (side - at_few) / (at_more - at_few))
            elif side != at_few:
                return None
    number = numbers.pop() if len(numbers) == 1 else 0.0
    return int(number) if number >= 1 and number == int(number) else None
