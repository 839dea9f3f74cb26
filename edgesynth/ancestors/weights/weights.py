"""Weights that an ancestor starts from."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import NamedTuple

from torch import Tensor, nn

from edgesynth.ancestors.weights.backbones import as_backbone
from edgesynth.ancestors.weights.heads import other_head
from edgesynth.ancestors.weights.mismatch import COUNTER, mismatches
from edgesynth.ancestors.weights.pretrained import download, is_asked_for
from edgesynth.ancestors.weights.tensor_file import read_tensors
from edgesynth.ancestors.wrappers import without_wrappers
from edgesynth.errors import UserError

# Heads that torchvision's trained files hold and that only serve training: a network may do without them.
AUXILIARY = ("aux1.", "aux2.", "AuxLogits.", "aux_classifier.")
# torchvision's DenseNets were saved by an older torch, in which a name could have a dot: norm.1 for norm1.
DENSENET = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.([12]\.)")


class Weights(NamedTuple):
    """A network's state.

    Attributes:
        state: {name: tensor}, ready for `model.load_state_dict`.
        untrained: names of tensors that stay the network's own: a head's, or all but a backbone's.
        note: the same for the user, in one line.
    """

    state: dict[str, Tensor]
    untrained: tuple[str, ...] = ()
    note: str = ""


def read_weights(path: Path, model: nn.Module, ancestor: str = "") -> Weights:
    """Read a network's state from a file, or have torchvision download it.

    A head that was trained for another number of classes, as torchvision's for ImageNet's thousand, is left aside: the
    network's own stands for it. So it does for all but the backbone, where the file is of a backbone alone.

    Args:
        path: `.safetensors`, or what `torch.save(model.state_dict(), path)` wrote, be it under `state_dict` or `model`;
            or `torchvision`.
        model: the network that it is for; it is not changed.
        ancestor: the name that it was built by, which tells its head from the rest, and what torchvision has for it.

    Raises:
        UserError: the file cannot be read or downloaded, holds more than tensors, or its names and shapes do not fit
            the network.
    """
    source, tensors = download(ancestor) if is_asked_for(path) else (str(path), read_tensors(path))
    return fit_weights(tensors, model, ancestor, f"--weights {path}", source)


def fit_weights(tensors: dict[str, Tensor], model: nn.Module, ancestor: str, called: str, source: str = "") -> Weights:
    """The state of a network from the tensors of another of its kind, as `read_weights` makes it of a file.

    Args:
        tensors: {name: tensor}.
        model: the network that they are for; it is not changed.
        ancestor: the name that it was built by.
        called: what they are called in a refusal.
        source: where they come from, for the note.

    Raises:
        UserError: names and shapes do not fit the network, or a value is not finite.
    """
    wanted = model.state_dict()
    tensors = _renamed(tensors, wanted)
    inside = as_backbone(tensors, model)
    tensors, untrained = inside or (tensors, other_head(tensors, wanted, ancestor))
    own = set(untrained.names if untrained else ())
    if told := mismatches(_without(own, tensors), _without(own, wanted)):
        count, *names = told
        raise UserError(f"{called} does not fit {type(model).__name__}: {count}", *names)
    broken = [name for name, tensor in tensors.items() if tensor.is_floating_point() and not tensor.isfinite().all()]
    if broken:
        raise UserError(f"{called} holds nan or infinity in {', '.join(broken)}; give a file of a sound network")
    state = {name: tensor if name in own else _kept(name, tensors, tensor) for name, tensor in wanted.items()}
    return Weights(state, untrained.names, f"{source}: {untrained.note}") if untrained else Weights(state)


def _renamed(tensors: dict[str, Tensor], wanted: Iterable[str]) -> dict[str, Tensor]:
    """The tensors under the names that a network of today has, without heads that it does not have."""
    names = set(wanted)
    tensors = without_wrappers(tensors, names)
    tensors = {name if name in names else DENSENET.sub(r"\1\2", name): tensor for name, tensor in tensors.items()}
    spare = tuple(head for head in AUXILIARY if not any(name.startswith(head) for name in names))
    return {name: tensor for name, tensor in tensors.items() if not name.startswith(spare)}


def _without(names: Collection[str], tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in tensors.items() if name not in names}


def _kept(name: str, tensors: dict[str, Tensor], own: Tensor) -> Tensor:
    """What the file has under a name; of a counter the network's own where that is lacking or of another form."""
    if name.endswith(COUNTER) and (name not in tensors or tensors[name].shape != own.shape):
        return own
    return tensors[name]
