"""Genome: which clusters and synapses of the ancestor an individual still has.

Always in the ancestor's index space, so that any two relatives align (gene tagging, arXiv 1811.07966, comes for free).
"""

from __future__ import annotations

import base64
import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from edgesynth.anatomy import Anatomy, Census

SCHEMA = 1


@dataclass(frozen=True)
class Genome:
    """Clusters and synapses that are alive.

    Attributes:
        kept: {cluster group: its living units, ascending}; every removable group is named.
        synapses: {weight: bool mask of the ancestor's full shape}; rows and columns of dead clusters are False. A
            weight that is not named has all its synapses.
        precision: {weight: a precision such as `int8`}; a weight that is not named is fp32.
    """

    kept: dict[str, list[int]]
    synapses: dict[str, Tensor] = field(default_factory=dict)
    precision: dict[str, str] = field(default_factory=dict)

    @classmethod
    def whole(cls, anatomy: Anatomy) -> Genome:
        """The ancestor's own genome: everything is alive."""
        return cls({group.name: list(range(group.size)) for group in anatomy.removable})

    def census(self, anatomy: Anatomy) -> Census:
        """Count what is alive."""
        return anatomy.census(self.kept, self.synapses)

    def to_json(self) -> dict[str, Any]:
        """Plain values; masks are packed, deflated and base64-encoded."""
        return {
            "schema": SCHEMA,
            "clusters": self.kept,
            "synapses": {name: _pack(mask) for name, mask in self.synapses.items()},
            **({"precision": self.precision} if self.precision else {}),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Genome:
        """The genome that `to_json` wrote."""
        synapses = {name: _unpack(packed) for name, packed in data["synapses"].items()}
        return cls(dict(data["clusters"]), synapses, dict(data.get("precision", {})))


def _pack(mask: Tensor) -> dict[str, Any]:
    bits = np.packbits(mask.cpu().numpy().astype(bool).reshape(-1))
    return {"shape": list(mask.shape), "deflated_bits": base64.b64encode(zlib.compress(bits.tobytes(), 9)).decode()}


def _unpack(packed: Mapping[str, Any]) -> Tensor:
    bits = np.frombuffer(zlib.decompress(base64.b64decode(packed["deflated_bits"])), np.uint8)
    count = math.prod(packed["shape"])
    return torch.from_numpy(np.unpackbits(bits, count=count).astype(bool).reshape(packed["shape"]))
