"""Weights that an ancestor starts from, read from a file of tensors. Nothing else in such a file is ever unpickled."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from edgesynth.errors import UserError

# Training scripts keep the network beside the optimiser, under one of these names.
WRAPPED = ("state_dict", "model")
# Counts batches for a running mean without momentum; older files lack it.
COUNTER = "num_batches_tracked"


def read_weights(path: Path, model: nn.Module) -> dict[str, Tensor]:
    """Read a network's state from a file.

    Args:
        path: `.safetensors`, or what `torch.save(model.state_dict(), path)` wrote, be it under `state_dict` or `model`.
        model: the network that it is for; it is not changed.

    Returns:
        {name: tensor}, ready for `model.load_state_dict`.

    Raises:
        UserError: the file cannot be read, holds more than tensors, or its names and shapes do not fit the network.
    """
    found = _tensors(path)
    wanted = model.state_dict()
    found = {**{name: tensor for name, tensor in wanted.items() if name.endswith(COUNTER)}, **found}
    problems = [f"{name} is missing" for name in wanted if name not in found]
    problems += [f"{name} is not in the network" for name in found if name not in wanted]
    problems += [
        f"{name} is {_shape(found[name])} and must be {_shape(tensor)}"
        for name, tensor in wanted.items()
        if name in found and found[name].shape != tensor.shape
    ]
    if problems:
        raise UserError(
            f"--weights {path} does not fit {type(model).__name__}: {'; '.join(problems)}; give the file that was "
            "saved from this network, or the --ancestor that it was saved from"
        )
    broken = [name for name, tensor in found.items() if tensor.is_floating_point() and not tensor.isfinite().all()]
    if broken:
        raise UserError(
            f"--weights {path} holds nan or infinity in {', '.join(broken)}; give a file of a sound network"
        )
    return found


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
