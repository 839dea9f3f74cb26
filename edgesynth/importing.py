"""Import a user's objects by name: `package.module:name`, from the working directory or installed."""

from __future__ import annotations

import difflib
import importlib
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

from edgesynth.errors import UserError
from edgesynth.optional import torchvision


def import_named(name: str, example: str, purpose: str = "to build") -> Any:
    """What `package.module:name` stands for; a name inside a class may have dots.

    The current working directory is importable, as it is for `python -m`.

    Args:
        name: such as `mypackage.networks:build`.
        example: what a right name looks like, for the refusal of one that is of another form.
        purpose: what the missing name was wanted for, in the refusal.

    Raises:
        UserError: the name is of another form, or there is no such module or name in it.
    """
    module_name, _, path = name.partition(":")
    if not all(part.isidentifier() for part in (*module_name.split("."), *path.split("."))):
        raise UserError(f"{name!r} is not of the form package.module:callable, such as {example}")
    return _attribute(_module(module_name, name), path, name, purpose)


def quoted(error: BaseException) -> str:
    """Kind, first line and place of an error, in one line."""
    text = next((line.strip() for line in str(error).splitlines() if line.strip()), "no message")
    frames = traceback.extract_tb(error.__traceback__)
    place = f", {frames[-1].filename} line {frames[-1].lineno}" if frames else ""
    if isinstance(error, SyntaxError):  # its message names the place
        place = ""
    return f"{type(error).__name__}: {text}{place}"


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
        raise UserError(f"{module_name} cannot be imported: {quoted(error)}") from error
    except (Exception, SystemExit) as error:
        raise UserError(f"{module_name} cannot be imported: {quoted(error)}") from error


def _attribute(module: ModuleType, path: str, name: str, purpose: str) -> Any:
    target: Any = module
    for part in path.split("."):
        if not hasattr(target, part):
            near = difflib.get_close_matches(part, [name for name in dir(target) if not name.startswith("_")])
            hint = f"; near it are {', '.join(near)}" if near else ""
            raise UserError(f"{module.__name__} has no {path!r} {purpose} {name} with{hint}")
        target = getattr(target, part)
    return target
