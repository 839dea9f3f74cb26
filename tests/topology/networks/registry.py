"""Where the tiny networks are listed."""

from torch import nn

NETWORKS: dict[str, tuple[type[nn.Module], tuple[tuple[int, ...], ...]]] = {}
IMAGE = (3, 3, 8, 8)


def network(cls, *shapes):
    """Register a network with the shapes of its inputs; three images of 8x8 by default."""
    NETWORKS[cls.__name__] = (cls, shapes or (IMAGE,))
    return cls


def topology(*shapes):
    return lambda cls: network(cls, *shapes)
