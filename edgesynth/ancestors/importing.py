"""Networks from anywhere: `package.module:callable`, called without arguments.

A network of torchvision is built without weights, so that nothing is ever downloaded.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from edgesynth.errors import UserError
from edgesynth.optional import torchvision

# What torchvision would download by default or may be asked for.
WEIGHTS = ("weights", "weights_backbone")


def import_network(name: str) -> nn.Module:
    """Import a callable, call it, and return the network that it builds.

    The current working directory is importable, as it is for `python -m`.

    Args:
        name: such as `mypackage.networks:build` or `torchvision.models:resnet18`.

    Raises:
        UserError: there is no such module or name, it cannot be called without arguments, it raises, or what it returns
            is no network.
    """
    module_name, _, callable_name = name.partition(":")
    if not all(part.isidentifier() for part in (*module_name.split("."), *callable_name.split("."))):
        raise UserError(
            f"{name!r} is not of the form package.module:callable, such as torchvision.models:resnet18 or "
            "mynetworks:build for build() in mynetworks.py"
        )
    build = _attribute(_module(module_name, name), callable_name, name)
    if isinstance(build, nn.Module):
        raise UserError(f"{name} is a network; give the class or function that builds one")
    if not callable(build):
        raise UserError(
            f"{name} is of type {type(build).__name__}; it must be a function or class that builds a network"
        )
    try:
        network = build(**_without_weights(build, module_name))
    except (Exception, SystemExit) as error:
        raise UserError(f"{name} was called without arguments and raised {_quoted(error)}") from error
    if not isinstance(network, nn.Module):
        raise UserError(f"{name} returned a value of type {type(network).__name__}; it must return a torch.nn.Module")
    return network


def _without_weights(build: Callable[..., Any], module_name: str) -> dict[str, None]:
    if module_name.partition(".")[0] != "torchvision":
        return {}
    return {key: None for key in WEIGHTS if key in inspect.signature(build).parameters}


def _module(module_name: str, name: str) -> ModuleType:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    importlib.invalidate_caches()
    if module_name.partition(".")[0] == "torchvision":
        torchvision()
    try:
        try:
            return importlib.import_module(module_name)
        except RuntimeError as error:
            # A module of the user's may import torchvision by itself, where that only loads through the door.
            if "torchvision::nms" not in str(error):
                raise
            torchvision()
            return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or f"{module_name}.".startswith(f"{error.name}."):
            raise UserError(
                f"there is no module {error.name or module_name!r} for {name}; it must be installed, or lie in {here}"
            ) from error
        raise UserError(f"{module_name} cannot be imported: {_quoted(error)}") from error
    except (Exception, SystemExit) as error:
        raise UserError(f"{module_name} cannot be imported: {_quoted(error)}") from error


def _attribute(module: ModuleType, path: str, name: str) -> Any:
    found: Any = module
    for part in path.split("."):
        if not hasattr(found, part):
            near = difflib.get_close_matches(part, [one for one in dir(found) if not one.startswith("_")])
            hint = f"; near it are {', '.join(near)}" if near else ""
            raise UserError(f"{module.__name__} has no {path!r} to build {name} with{hint}")
        found = getattr(found, part)
    return found


def _quoted(error: BaseException) -> str:
    """Kind, first line and place of an error, in one line."""
    text = next((line.strip() for line in str(error).splitlines() if line.strip()), "no message")
    frames = traceback.extract_tb(error.__traceback__)
    place = f", {frames[-1].filename} line {frames[-1].lineno}" if frames else ""
    if isinstance(error, SyntaxError):  # its message names the place
        place = ""
    return f"{type(error).__name__}: {text}{place}"
