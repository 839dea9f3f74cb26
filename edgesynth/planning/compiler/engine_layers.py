"""The layers of a finished engine, as the builder prints them at the end of a detailed build.

The text is for people and no promised format: what cannot be read is left out, and what was read says what it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

_HEADING = "Layers:\n"
_LAYER = re.compile(r"Name: (?P<name>.*?), LayerType: (?P<kind>\w+)")
_PARTS = ("Inputs", "Constants", "Outputs")
_HEADS = re.compile(r", (Inputs|Constants|Outputs|TacticName|ParameterType|Metadata): ")
_TENSOR = re.compile(r"Name: (?P<name>.*?), Dimensions: \[(?P<dims>[-\d,]*)\].*?Datatype: (?P<type>\w+)")
_NODE = re.compile(r"\[ONNX Layer: (.*?)\]")
_NO_WORK = ("signal", "wait")  # of one stream for another


class EngineTensor(NamedTuple):
    """What a layer reads or writes.

    Attributes:
        name: the compiler's own.
        dims: lengths of its axes, padded as the compiler pads them.
        type: in the compiler's words, such as Int8, Half, Float.
    """

    name: str
    dims: tuple[int, ...]
    type: str


class EngineLayer(NamedTuple):
    """One step of an engine.

    Attributes:
        name: the compiler's own.
        kind: in the compiler's words, such as correlation (a convolution), gemm, kgen (a generated kernel).
        inputs: what it reads.
        constants: the weights among that.
        outputs: what it writes.
        nodes: names of the nodes of the ONNX file that it is of, in whole or in part.
    """

    name: str
    kind: str
    inputs: tuple[EngineTensor, ...]
    constants: tuple[EngineTensor, ...]
    outputs: tuple[EngineTensor, ...]
    nodes: tuple[str, ...]

    @property
    def is_kernel(self) -> bool:
        """Whether it computes: one stream that waits for another does not."""
        return self.kind not in _NO_WORK

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        parts = ("inputs", "constants", "outputs")
        tensors = {part: [tensor._asdict() for tensor in getattr(self, part)] for part in parts}
        return {"name": self.name, "kind": self.kind, **tensors, "nodes": list(self.nodes)}


def read_engine_layers(log: Sequence[str]) -> tuple[EngineLayer, ...]:
    """The layers that a log tells of, in their order; none where it tells of none.

    Args:
        log: the builder's messages.
    """
    for message in reversed(log):
        if message.startswith(_HEADING):
            lines = message[len(_HEADING) :].splitlines()
            return tuple(layer for layer in map(_layer, lines) if layer is not None)
    return ()


def _layer(line: str) -> EngineLayer | None:
    head = _LAYER.match(line)
    if head is None:
        return None
    _, *pieces = _HEADS.split(line)
    parts = dict(zip(pieces[::2], pieces[1::2], strict=True))
    inputs, constants, outputs = (tuple(map(_tensor, _TENSOR.finditer(parts.get(part, "")))) for part in _PARTS)
    nodes = tuple(_NODE.findall(parts.get("Metadata", "")))
    return EngineLayer(head["name"], head["kind"], inputs, constants, outputs, nodes)


def _tensor(text: re.Match[str]) -> EngineTensor:
    return EngineTensor(text["name"].strip(), tuple(map(int, filter(None, text["dims"].split(",")))), text["type"])
