"""Tensors of a network from a file. Nothing else in such a file is ever unpickled."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from edgesynth.errors import UserError

# Training scripts keep the network beside the optimiser, under one of these names.
WRAPPED = ("state_dict", "model")


def read_tensors(path: Path) -> dict[str, Tensor]:
    """{name: tensor} of a `.safetensors`, or of what `torch.save` wrote, be it under `state_dict` or `model`.

    Raises:
        UserError: there is no such file, it cannot be read, or it holds more than tensors.
    """
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
