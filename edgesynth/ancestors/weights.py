"""Weights that an ancestor starts from, read from a file of tensors. Nothing else in such a file is ever unpickled."""

from __future__ import annotations

import pickle
import re
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from edgesynth.errors import UserError

# Training scripts keep the network beside the optimiser, under one of these names.
WRAPPED = ("state_dict", "model")
# What DataParallel puts before every name.
PARALLEL = "module."
# Heads that torchvision's trained files hold and that only serve training: a network may do without them.
AUXILIARY = ("aux1.", "aux2.", "AuxLogits.", "aux_classifier.")
# torchvision's DenseNets were saved by an older torch, in which a name could have a dot: norm.1 for norm1.
DENSENET = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.([12]\.)")
SHOWN = 4  # names of each kind in a refusal; the others are counted
# Counts batches for a running mean without momentum; older files lack it.
COUNTER = "num_batches_tracked"


class Weights(NamedTuple):
    """A network's state from a file.

    Attributes:
        state: {name: tensor}, ready for `model.load_state_dict`.
        head: the layer whose tensors are the network's own, since the file's are of another number of classes; or none.
        note: the same for the user, in one line.
    """

    state: dict[str, Tensor]
    head: str = ""
    note: str = ""


def read_weights(path: Path, model: nn.Module) -> Weights:
    """Read a network's state from a file.

    A last layer that was trained for another number of classes, as torchvision's for ImageNet's thousand, is left
    aside: the network's own stands for it.

    Args:
        path: `.safetensors`, or what `torch.save(model.state_dict(), path)` wrote, be it under `state_dict` or `model`.
        model: the network that it is for; it is not changed.

    Raises:
        UserError: the file cannot be read, holds more than tensors, or its names and shapes do not fit the network.
    """
    wanted = model.state_dict()
    found = _renamed(_tensors(path), wanted)
    found = {**{name: tensor for name, tensor in wanted.items() if name.endswith(COUNTER)}, **found}
    head, note = _other_head(found, wanted)
    if head:
        found.update({name: tensor for name, tensor in wanted.items() if name.rpartition(".")[0] == head})
    problems = {
        "is missing": [name for name in wanted if name not in found],
        "is not in the network": [name for name in found if name not in wanted],
    }
    shapes = [
        f"{name} is {_shape(found[name])} and must be {_shape(tensor)}"
        for name, tensor in wanted.items()
        if name in found and found[name].shape != tensor.shape
    ]
    told = [_told(names, f" {what}") for what, names in problems.items() if names]
    told += [_told(shapes, "")] if shapes else []
    if told:
        fitting = sum(name in found and found[name].shape == tensor.shape for name, tensor in wanted.items())
        raise UserError(
            f"--weights {path} does not fit {type(model).__name__}: {'; '.join(told)} ({fitting:,} of {len(wanted):,} "
            f"tensors fit); give the file that was saved from this network, or the --ancestor that it was saved from"
        )
    broken = [name for name, tensor in found.items() if tensor.is_floating_point() and not tensor.isfinite().all()]
    if broken:
        raise UserError(
            f"--weights {path} holds nan or infinity in {', '.join(broken)}; give a file of a sound network"
        )
    return Weights(found, head, f"{path}: {note}" if note else "")


def _other_head(found: dict[str, Tensor], wanted: dict[str, Tensor]) -> tuple[str, str]:
    """The last layer, if it alone does not fit and only by its number of outputs; and what to tell of it."""
    odd = [name for name, tensor in wanted.items() if name in found and found[name].shape != tensor.shape]
    last = next(reversed(wanted)).rpartition(".")[0]
    before = {found[name].shape[:1] for name in odd}
    inner = all(found[name].shape[1:] == wanted[name].shape[1:] for name in odd)
    if odd != [name for name in wanted if name.rpartition(".")[0] == last] or len(before) != 1 or not inner:
        return "", ""
    was, now = found[odd[0]].shape[0], wanted[odd[0]].shape[0]
    return (
        last,
        f"{last} is of {was:,} classes there and of {now:,} here, so it starts untrained; all else is taken over",
    )


def _renamed(found: dict[str, Tensor], wanted: Iterable[str]) -> dict[str, Tensor]:
    """The tensors under the names that a network of today has, without heads that it does not have."""
    names = set(wanted)
    if found and all(name.startswith(PARALLEL) for name in found) and not any(n.startswith(PARALLEL) for n in names):
        found = {name.removeprefix(PARALLEL): tensor for name, tensor in found.items()}
    found = {name if name in names else DENSENET.sub(r"\1\2", name): tensor for name, tensor in found.items()}
    spare = tuple(head for head in AUXILIARY if not any(name.startswith(head) for name in names))
    return {name: tensor for name, tensor in found.items() if not name.startswith(spare)}


def _told(names: list[str], what: str) -> str:
    """The first few, each with what is wrong, and the number of the others."""
    more = [f"and {len(names) - SHOWN:,} more{what.replace('is', 'are', 1)}"] if len(names) > SHOWN else []
    return ", ".join([*(f"{name}{what}" for name in names[:SHOWN]), *more])


def _tensors(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise UserError(f"--weights {path} is not a file; give the .safetensors or .pth of the ancestor")
    found = _content(path)
    for key in WRAPPED:
        if isinstance(found, dict) and isinstance(found.get(key), dict):
            found = found[key]
    if not isinstance(found, dict) or not found:
        raise UserError(f"--weights {path} holds no state of a network; save model.state_dict()")
    odd = [str(name) for name, value in found.items() if not isinstance(value, Tensor)]
    if odd:
        raise UserError(f"--weights {path} holds what is no tensor: {', '.join(odd)}; save model.state_dict() alone")
    return found


def _content(path: Path) -> Any:
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what is not a file of torch's, which is refused below in our own words
            return torch.load(path, map_location="cpu", weights_only=True)
    except PermissionError:
        raise
    except (OSError, SafetensorError, RuntimeError, EOFError, KeyError, ValueError, pickle.UnpicklingError) as error:
        raise UserError(
            f"--weights {path} is no file of tensors alone ({type(error).__name__}), and nothing else is unpickled; "
            "save one with safetensors.torch.save_file(model.state_dict(), 'weights.safetensors')"
        ) from error


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a number"
