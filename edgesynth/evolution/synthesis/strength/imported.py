"""Strength from anywhere: `package.module:Class`, with the methods of `Strength`, built without arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from edgesynth.errors import UserError
from edgesynth.evolution.synthesis.strength.parent import Parent
from edgesynth.importing import import_named, quoted

METHODS = ("synapses", "clusters")


class ImportedStrength:
    """A strength of the user's. What it gives is checked: it decides which synapses live.

    Args:
        name: such as `mystrengths:Magnitude`; the working directory is importable, as it is for an ancestor.

    Raises:
        UserError: there is no such module or class, it cannot be built without arguments, or it lacks a method.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        kind = import_named(name, "mystrengths:MyStrength for class MyStrength in mystrengths.py", "to take for")
        if not isinstance(kind, type):
            raise UserError(
                f"--strength {name} is of type {type(kind).__name__}; it must be a class with the methods "
                "synapses(parent) and clusters(parent)"
            )
        absent = [method for method in METHODS if not callable(getattr(kind, method, None))]
        if absent:
            raise UserError(
                f"--strength {name} has no method {' and no method '.join(absent)}; it must have synapses(parent) and "
                "clusters(parent), which give viabilities by name"
            )
        self._strength = self._guarded("was built without arguments", kind)

    def synapses(self, parent: Parent) -> dict[str, Tensor]:
        """{weight: viability of the ancestor's shape, at most 0}.

        Raises:
            UserError: the user's method raises, or gives something else.
        """
        given = self._guarded("synapses(parent)", self._strength.synapses, parent)
        return self._checked("synapses", given, {name: tuple(each.shape) for name, each in parent.weights.items()})

    def clusters(self, parent: Parent) -> dict[str, Tensor]:
        """{removable group: (size,) viability, at most 0}.

        Raises:
            UserError: the user's method raises, or gives something else.
        """
        given = self._guarded("clusters(parent)", self._strength.clusters, parent)
        return self._checked("clusters", given, {group.name: (group.size,) for group in parent.anatomy.removable})

    def _guarded(self, what: str, call: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return call(*arguments)
        except UserError:
            raise
        except (Exception, SystemExit) as error:
            raise UserError(f"--strength {self.name}: {what} raised {quoted(error)}") from error

    def _checked(self, method: str, given: Any, shapes: dict[str, tuple[int, ...]]) -> dict[str, Tensor]:
        what = f"--strength {self.name}: {method}(parent)"
        if not isinstance(given, Mapping):
            raise UserError(f"{what} gave a value of type {type(given).__name__}; it must give a dict of tensors")
        if set(given) != set(shapes):
            odd = sorted(map(str, set(given) ^ set(shapes)))[0]
            raise UserError(
                f"{what} gave {len(given)} names and {len(shapes)} are asked for; {odd} is in one of them alone"
            )
        checked = {}
        for name, shape in shapes.items():
            viability = given[name]
            if not isinstance(viability, Tensor) or tuple(viability.shape) != shape:
                form = tuple(viability.shape) if isinstance(viability, Tensor) else type(viability).__name__
                raise UserError(f"{what} gave {form} for {name}; it must be a tensor of {shape}")
            checked[name] = viability.detach().cpu().to(torch.float64)
            if not (checked[name] <= 0).all():
                raise UserError(
                    f"{what} gave {checked[name].max().item():g} for {name}; a viability is the logarithm of a "
                    "probability, at most 0 (subtract the largest)"
                )
        return checked
