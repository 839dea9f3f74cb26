"""Genome: which clusters and synapses of the ancestor an individual still has.

Always in the ancestor's index space, so that any two relatives align (gene tagging, arXiv 1811.07966, comes for free).
"""

from __future__ import annotations

import base64
import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from edgesynth.anatomy import Anatomy, Census

SCHEMA = 1
MOST_SYNAPSES = 1 << 30  # of one weight


@dataclass(frozen=True)
class Genome:
    """Clusters and synapses that are alive.

    Attributes:
        kept: {cluster group: its living units, ascending}; every removable group is named. And {branch: [0] if it
            lives, nothing if not} where branches can die; groups that lie in a dead one have no living unit.
        synapses: {weight: bool mask of the ancestor's full shape}; rows and columns of dead clusters are False. A
            weight that is not named has all its synapses.
        precision: {weight: a precision such as `int8`}; a weight that is not named is fp32.
    """

    kept: dict[str, list[int]]
    synapses: dict[str, Tensor] = field(default_factory=dict)
    precision: dict[str, str] = field(default_factory=dict)

    @classmethod
    def unpruned(cls, anatomy: Anatomy) -> Genome:
        """The ancestor's own genome: everything is alive."""
        groups = {group.name: list(range(group.size)) for group in anatomy.removable}
        return cls({**groups, **{branch.name: [0] for branch in anatomy.removable_branches}})

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
        """The genome that `to_json` wrote.

        Raises:
            ValueError: a mask has more or fewer bits than its shape, or units stand in no order.
        """
        for name, units in data["clusters"].items():
            if any(unit >= following for unit, following in pairwise(units)):
                raise ValueError(f"clusters.{name} are not in ascending order")
        synapses = {name: _unpack(name, packed) for name, packed in data["synapses"].items()}
        return cls(dict(data["clusters"]), synapses, dict(data.get("precision", {})))


def _pack(mask: Tensor) -> dict[str, Any]:
    bits = np.packbits(mask.cpu().numpy().astype(bool).reshape(-1))
    return {"shape": list(mask.shape), "deflated_bits": base64.b64encode(zlib.compress(bits.tobytes(), 9)).decode()}


def _unpack(name: str, packed: Mapping[str, Any]) -> Tensor:
    count = math.prod(packed["shape"])
    if count > MOST_SYNAPSES:
        raise ValueError(f"synapses.{name} has {count:,} places, and a weight has at most {MOST_SYNAPSES:,}")
    wanted, unpacker = -(-count // 8), zlib.decompressobj()
    try:
        bits = unpacker.decompress(base64.b64decode(packed["deflated_bits"], validate=True), wanted + 1)
    except (ValueError, zlib.error) as error:
        raise ValueError(f"synapses.{name} cannot be unpacked ({error})") from None
    if len(bits) != wanted or not unpacker.eof:
        raise ValueError(f"synapses.{name} does not hold the {wanted:,} bytes of its {count:,} synapses")
    mask = np.unpackbits(np.frombuffer(bits, np.uint8), count=count)
    return torch.from_numpy(mask.astype(bool).reshape(packed["shape"]))
