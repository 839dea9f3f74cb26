"""Tensors of a network from a file. Nothing else in such a file is ever unpickled."""

from __future__ import annotations

import warnings
import zipfile
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from edgesynth.errors import UserError

# Training scripts keep the network beside the optimizer, under one of these names.
WRAPPED = ("state_dict", "model")


def read_tensors(path: Path) -> dict[str, Tensor]:
    """{name: tensor} of a `.safetensors`, or of what `torch.save` wrote, be it under `state_dict` or `model`.

    Raises:
        UserError: there is no such file, it cannot be read, or it holds more than tensors.
    """
    if not path.is_file():
        raise UserError(f"--weights {path} is not a file; give the .safetensors or .pth of the ancestor")
    tensors = _content(path)
    for key in WRAPPED:
        if isinstance(tensors, dict) and isinstance(tensors.get(key), dict):
            tensors = tensors[key]
    if not isinstance(tensors, dict) or not tensors:
        raise UserError(f"--weights {path} holds no state of a network; save model.state_dict()")
    odd = [str(name) for name, value in tensors.items() if not (isinstance(name, str) and isinstance(value, Tensor))]
    if odd:
        raise UserError(f"--weights {path} holds what is no tensor: {', '.join(odd)}; save model.state_dict() alone")
    strange = [name for name, tensor in tensors.items() if not _is_plain(tensor)]
    if strange:
        raise UserError(
            f"--weights {path} holds tensors that are sparse, quantized or without values: {', '.join(strange)}; save "
            "the state_dict() of a plain network"
        )
    return tensors


def _is_plain(tensor: Tensor) -> bool:
    return tensor.layout is torch.strided and not tensor.is_quantized and tensor.device.type == "cpu"


def _content(path: Path) -> Any:
    """What is in the file.

    Only safetensors and torch run in here, and a damaged pickle has them raise whatever it leads them to.
    """
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        if zipfile.is_zipfile(path):
            _check_archive(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what is not a file of torch's, which is refused below in our own words
            return torch.load(path, map_location="cpu", weights_only=True)
    except (UserError, PermissionError):
        raise
    except Exception as error:
        raise UserError(
            f"--weights {path} is {_why_not(path, error)}, and nothing else is unpickled; "
            "save one with safetensors.torch.save_file(model.state_dict(), 'weights.safetensors')"
        ) from error


def _why_not(path: Path, error: Exception) -> str:
    why = type(error).__name__
    if "TorchScript" in str(error):
        why = "it is a TorchScript archive"
    elif path.suffix != ".safetensors" and not zipfile.is_zipfile(path):
        why = f"it is no zip file as torch.save writes it: {why}"
    return f"no file of tensors alone ({why})"


def _check_archive(path: Path) -> None:
    """torch.save packs nothing: what would unpack to more than the file is no file of its.

    Raises:
        UserError: see above.
    """
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    if unpacked > path.stat().st_size:
        raise UserError(
            f"--weights {path} has {path.stat().st_size:,} bytes that would unpack to {unpacked:,}, which torch.save "
            "never writes; save it again"
        )
