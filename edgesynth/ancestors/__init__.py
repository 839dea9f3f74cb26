"""Ancestors: networks to start from. Adding one means adding a file and a line to `ANCESTORS`."""

from __future__ import annotations

from torch import nn

from edgesynth.ancestors.lenet5 import lenet5
from edgesynth.errors import UserError

ANCESTORS = {"lenet5": lenet5}

__all__ = ["ANCESTORS", "build_ancestor"]


def build_ancestor(name: str) -> nn.Module:
    """Build an untrained network by name.

    Raises:
        UserError: there is no ancestor of that name.
    """
    if name not in ANCESTORS:
        raise UserError(f"there is no ancestor {name!r}; the ancestors are {', '.join(sorted(ANCESTORS))}")
    return ANCESTORS[name]()
