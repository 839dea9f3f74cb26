"""What torchvision has trained: downloaded into its cache when it is asked for, and never otherwise."""

from __future__ import annotations

import contextlib
import io
import pickle
import warnings
from http.client import HTTPException
from pathlib import Path
from typing import Any

from torch import Tensor

from edgesynth.ancestors.registry import ANCESTORS
from edgesynth.ancestors.zoo.torchvision_classifiers import path_of
from edgesynth.errors import UserError
from edgesynth.optional import torchvision

ASKED = Path("torchvision")


def is_asked_for(weights: Path) -> bool:
    """Whether `--weights` says `torchvision`; a file that is called so goes before."""
    return weights == ASKED and not weights.is_file()


def download(ancestor: str) -> tuple[str, dict[str, Tensor]]:
    """The best weights that torchvision has for a network of its own, or for the backbone of one of ours.

    They are kept where torch keeps such files (`TORCH_HOME`), from where they are read the next time.

    Args:
        ancestor: its name.

    Returns:
        What they are called, and {name: tensor}.

    Raises:
        UserError: torchvision has none for this ancestor, or they cannot be downloaded or read.
    """
    weights = _best(ancestor)
    try:
        # The address is printed, which a refusal tells as well; and there are warnings of what is refused below.
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            state = weights.get_state_dict(check_hash=True, map_location="cpu", weights_only=True)
    except (OSError, HTTPException, RuntimeError, EOFError, KeyError, ValueError, pickle.UnpicklingError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise UserError(
            f"--weights torchvision: {weights.url} cannot be downloaded and read ({reason}); download it where there "
            "is a network and give --weights FILE"
        ) from error
    return f"torchvision's {weights}", state


def _best(ancestor: str) -> Any:
    name = _name_there(ancestor)
    try:
        return torchvision().models.get_model_weights(name).DEFAULT
    except (ValueError, AttributeError):  # it knows no such network, or has none for it
        ours = ", ".join(sorted(name for name, known in ANCESTORS.items() if known.torchvision))
        raise UserError(
            f"--weights torchvision is given and torchvision has no weights for the ancestor {ancestor}; it has them "
            f"for its own networks, such as resnet18, and for {ours}: name one of these, or give --weights FILE"
        ) from None


def _name_there(ancestor: str) -> str:
    """What torchvision calls the network that it has weights for; nothing where it has no such network."""
    if ancestor in ANCESTORS:
        return ANCESTORS[ancestor].torchvision
    path = ancestor if ":" in ancestor else path_of(ancestor) or ""
    module, _, name = path.partition(":")
    return name if module.partition(".")[0] == "torchvision" else ""
