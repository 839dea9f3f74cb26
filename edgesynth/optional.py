"""Optional dependencies: imported where they are used, by one function that says what to install."""

from __future__ import annotations

import functools
import importlib
from importlib.metadata import version
from types import ModuleType

from edgesynth.errors import UserError


def optional(module_name: str, extra: str) -> ModuleType:
    """Import a module that an extra of ours brings.

    Args:
        module_name: such as `ray`.
        extra: the extra of edgesynth that installs it.

    Raises:
        UserError: it is not installed, or does not load; the reason is quoted.
    """
    return _imported(module_name, f"pip install 'edgesynth[{extra}]'")


@functools.cache
def torchvision() -> ModuleType:
    """Import torchvision: the only door to it.

    A torchvision built for another kind of torch lacks its compiled operators (non-maximum suppression, image files),
    and then does not import at all. Its networks, transforms and data sets need none of them: the schemas that it
    expects are declared in their place. What does need them still raises when it is called.

    Raises:
        UserError: it is not installed, or does not load; the reason is quoted.
    """
    try:
        return _torchvision()
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
    _declare_operators()
    return _torchvision()


def _torchvision() -> ModuleType:
    # torchvision alone would bring the newest torch along; named together, pip finds the one that matches.
    return _imported("torchvision", f"pip install torchvision torch=={version('torch').partition('+')[0]}")


@functools.cache
def _declare_operators() -> object:
    """Declare what torchvision's compiled part would have declared; the library lives as long as the cache."""
    import torch

    library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return library


def _imported(module_name: str, command: str) -> ModuleType:
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name != module_name.partition(".")[0]:
            raise UserError(f"{module_name} needs {error.name}, which is not installed: {command}") from error
        raise UserError(f"this needs {error.name}, which is not installed: {command}") from error
    except ImportError as error:
        raise UserError(f"{module_name} is installed but does not load ({error}): {command}") from error
