"""Teaching by features: what layers read in a pupil is drawn to what they read in its teacher (arXiv 1412.6550).

A pupil that was cut out of its teacher needs no adapter between the two: its channels are some of the teacher's.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

Places = Mapping[str, Tensor | None]


class FeatureDistance:
    """Distance between what layers read in two networks in their last forward passes; a context in which it is watched.

    Args:
        pupil: the network that is trained.
        teacher: the network that it was cut out of.
        places: {name of a convolution or linear layer of both: indices of the teacher's input channels that the pupil
            has, or None for all}.
    """

    def __init__(self, pupil: nn.Module, teacher: nn.Module, places: Places) -> None:
        self._pupil, self._teacher, self._places = pupil, teacher, places
        self._read: tuple[dict[str, Tensor], dict[str, Tensor]] = ({}, {})
        self._hooks: list[Any] = []

    def __enter__(self) -> FeatureDistance:
        """Watch both networks."""
        for network, read in zip((self._pupil, self._teacher), self._read, strict=True):
            for name in self._places:
                self._hooks.append(network.get_submodule(name).register_forward_pre_hook(_keeping(read, name)))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Watch them no more."""
        for hook in self._hooks:
            hook.remove()

    def __call__(self) -> Tensor:
        """Mean over the places of the mean squared distance over the teacher's mean square, of what was read last."""
        distances = [self._at(name) for name in self._places]
        return sum(distances[1:], distances[0]) / len(distances)

    def _at(self, name: str) -> Tensor:
        own, taught = (read[name].float() for read in self._read)
        kept = self._places[name]
        if kept is not None:
            taught = taught.index_select(_channels(taught), kept.to(taught.device))
        return F.mse_loss(own, taught) / taught.square().mean().clamp_min(1e-12)


def _channels(read: Tensor) -> int:
    """The dimension of channels: of a linear layer's input the last."""
    return 1 if read.ndim > 3 else read.ndim - 1


def _keeping(read: dict[str, Tensor], name: str) -> Any:
    def keep(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        read[name] = inputs[0]

    return keep
