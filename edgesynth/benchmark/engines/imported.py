"""An engine from anywhere: `package.module:Class`, a class that inherits `engine.Engine`.

    from edgesynth.benchmark.engines.engine import Engine, shape_of_images

    class MyEngine(Engine):
        name = "mine"

        @classmethod
        def candidates(cls):
            return {"fp32": ("fp32",)}

        def load(self, path, precision, batch, threads, ranges=None, samples=None, kept=()):
            ...  # and set self.input_shape, such as with shape_of_images

        def run(self, images):
            ...

        def describe(self):
            return {"name": self.name, "version": "1.0"}

The working directory is importable, as it is for `python -m`.
"""

import importlib
import os
import sys
from typing import Any, Type

from edgesynth.benchmark.engines.engine import Engine
from edgesynth.errors import UserError

_MUST = ("candidates", "load", "run", "describe")


def is_imported(name: str) -> bool:
    """Whether what was given as an engine's name is a path to a class."""
    return ":" in name


def import_engine(name: str) -> Type[Engine]:
    """Import the class of an engine.

    Args:
        name: such as `myengines:MyEngine`.

    Raises:
        UserError: the name is of another form, there is no such module or class, it cannot be imported, or it is no
            engine.
    """
    module_name, _, path = name.partition(":")
    if not all(part.isidentifier() for part in module_name.split(".") + path.split(".")):
        raise UserError("--engine {} is not of the form package.module:Class, such as myengines:MyEngine".format(name))
    kind: Any = _module(module_name, name)
    for part in path.split("."):
        if not hasattr(kind, part):
            raise UserError("--engine {}: {} has no {!r}; give a class of it".format(name, module_name, path))
        kind = getattr(kind, part)
    if not (isinstance(kind, type) and issubclass(kind, Engine)):
        raise UserError(
            "--engine {} is no engine; it must be a class that inherits Engine of "
            "edgesynth.benchmark.engines.engine".format(name)
        )
    absent = [method for method in _MUST if _function(kind, method) is _function(Engine, method)]
    if absent or not kind.name:
        what = "method {}".format(" and no method ".join(absent)) if absent else "`name`, which results are told by"
        raise UserError("--engine {} has no {}; see edgesynth.benchmark.engines.engine.Engine".format(name, what))
    return kind


def _module(module_name: str, name: str) -> Any:
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    importlib.invalidate_caches()
    try:
        return importlib.import_module(module_name)
    except ImportError as error:
        # That of the module itself, or of one that it imports.
        raise UserError(
            "--engine {}: {} cannot be imported ({}); it must be installed, or lie in {}".format(
                name, module_name, error, os.getcwd()
            )
        ) from error
    except (Exception, SystemExit) as error:
        raise UserError(
            "--engine {}: {} cannot be imported ({}: {})".format(name, module_name, type(error).__name__, error)
        ) from error


def _function(kind: Type[Engine], method: str) -> Any:
    return getattr(getattr(kind, method), "__func__", getattr(kind, method))
