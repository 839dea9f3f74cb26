"""Weights of a backbone alone: a classifier of torchvision's, under the names that it has inside a larger network."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from edgesynth.ancestors.weights.untrained import Untrained
from edgesynth.ancestors.zoo.lraspp import Lraspp
from edgesynth.ancestors.zoo.refinenet import RefineNet
from edgesynth.ancestors.zoo.saliency import SaliencyNet

State = dict[str, Tensor]
CONVOLUTION = re.compile(r"features\.(\d+)\.weight")


class Backbone(NamedTuple):
    """Where a network has its backbone.

    Attributes:
        parts: of the network, which are the backbone together.
        renamed: (a classifier's state, the network's) -> the same tensors under the network's names, without the
            classifier's head; what is of no use keeps its name.
    """

    parts: tuple[str, ...]
    renamed: Callable[[Mapping[str, Tensor], Mapping[str, Tensor]], State]


def as_backbone(tensors: Mapping[str, Tensor], model: nn.Module) -> tuple[State, Untrained] | None:
    """The state under the network's names, and what else the network has; None where it is not of its backbone."""
    backbone, wanted = BACKBONES.get(type(model)), model.state_dict()
    if backbone is None or any(name in wanted for name in tensors):
        return None
    state = backbone.renamed(tensors, wanted)
    if not any(name in wanted for name in state):
        return None
    rest = tuple(name for name in wanted if _part(name) not in backbone.parts)
    parts = list(dict.fromkeys(map(_part, rest)))
    start = "starts" if len(parts) == 1 else "start"
    return state, Untrained(rest, f"these are weights of the backbone alone, so {', '.join(parts)} {start} untrained")


def _part(name: str) -> str:
    return name.partition(".")[0]


def _resnet(tensors: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> State:
    return {f"trunk.{name}": tensor for name, tensor in tensors.items() if _part(name) != "fc"}


def _mobilenet(tensors: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> State:
    blocks = "backbone.blocks." if any(name.startswith("backbone.blocks.") for name in wanted) else "backbone."
    kept = {name: tensor for name, tensor in tensors.items() if _part(name) != "classifier"}
    return {re.sub(r"^features\.", blocks, name): tensor for name, tensor in kept.items()}


def _vgg(tensors: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> State:
    """Convolution by convolution, each with its normalization; as found where there are more of them, or fewer."""
    matches = [CONVOLUTION.fullmatch(name) for name, tensor in tensors.items() if tensor.dim() == 4]
    theirs = sorted(int(match[1]) for match in matches if match)
    ours = [name for name, tensor in wanted.items() if _part(name) in STACKS and tensor.dim() == 4]
    if len(theirs) != len(ours):
        return dict(tensors)
    state: State = {}
    for name, place in zip(ours, theirs, strict=True):
        stack, own_place, _ = name.split(".")
        normalization = _normalization(tensors, place)
        state[name] = tensors[f"features.{place}.weight"]
        state.update({f"{stack}.{int(own_place) + 1}.{key}": tensor for key, tensor in normalization.items()})
    return state


def _normalization(tensors: Mapping[str, Tensor], place: int) -> State:
    """That of a convolution, or one that changes nothing; the bias, which ours have not, goes off the mean."""
    zeros = torch.zeros(len(tensors[f"features.{place}.weight"]))
    neutral = {"weight": zeros + 1, "bias": zeros, "running_mean": zeros, "running_var": zeros + 1}
    state = {key: tensors.get(f"features.{place + 1}.{key}", tensor) for key, tensor in neutral.items()}
    bias = tensors.get(f"features.{place}.bias", zeros)
    if bias.shape == state["running_mean"].shape:
        state["running_mean"] = state["running_mean"] - bias
    return state


STACKS = ("c1", "c2", "c3", "c4", "c5")
BACKBONES = {
    Lraspp: Backbone(("backbone",), _mobilenet),
    RefineNet: Backbone(("trunk",), _resnet),
    SaliencyNet: Backbone(STACKS, _vgg),
}
