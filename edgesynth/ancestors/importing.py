"""Networks from anywhere: `package.module:callable`, called without arguments but the number of classes.

A network of torchvision is built without weights, so that nothing is downloaded: `--weights torchvision` does that.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from torch import nn

from edgesynth.ancestors.wrappers import unwrapped
from edgesynth.copying import make_copyable
from edgesynth.errors import UserError
from edgesynth.importing import import_named, quoted

# What torchvision would download by default or may be asked for.
WEIGHTS = ("weights", "weights_backbone")
# In training these of torchvision's give a second answer from an auxiliary head, which no task here listens to.
AUXILIARY = ("googlenet", "inception_v3")


def import_network(name: str, classes: int | None = None) -> nn.Module:
    """Import a callable, call it, and return the network that it builds, taken out of its wrappers.

    The current working directory is importable, as it is for `python -m`.

    Args:
        name: such as `mypackage.networks:build` or `torchvision.models:resnet18`.
        classes: given as `num_classes` to a callable that takes it, as torchvision's do; None gives nothing.

    Raises:
        UserError: there is no such module or name, it cannot be called so, it raises, or what it returns is no network.
    """
    build = import_named(name, "torchvision.models:resnet18 or mynetworks:build for build() in mynetworks.py")
    if isinstance(build, nn.Module):
        raise UserError(f"{name} is a network; give the class or function that builds one")
    if not callable(build):
        raise UserError(
            f"{name} is of type {type(build).__name__}; it must be a function or class that builds a network"
        )
    arguments = _arguments(build, name.startswith(("torchvision.", "torchvision:")), classes)
    try:
        network = build(**arguments)
    except (Exception, SystemExit) as error:
        given = [f"{key}={value}" for key, value in arguments.items() if value is not None]
        how = f"with {', '.join(given)}" if given else "without arguments"
        raise UserError(f"{name} was called {how} and raised {quoted(error)}") from error
    if not isinstance(network, nn.Module):
        raise UserError(f"{name} returned a value of type {type(network).__name__}; it must return a torch.nn.Module")
    return make_copyable(unwrapped(network))


def _arguments(build: Callable[..., Any], torchvisions: bool, classes: int | None) -> dict[str, Any]:
    try:
        parameters = inspect.signature(build).parameters
    except (TypeError, ValueError):  # written in C, with no signature to read
        return {}
    arguments: dict[str, Any] = {key: None for key in WEIGHTS if torchvisions and key in parameters}
    # torchvision's classifiers hand their keywords on to a class that takes it.
    handed_on = torchvisions and any(own.kind is inspect.Parameter.VAR_KEYWORD for own in parameters.values())
    if classes is not None and ("num_classes" in parameters or handed_on):
        arguments["num_classes"] = classes
    if handed_on and build.__name__ in AUXILIARY:
        # torchvision sets transform_input with the weights that it trained: they want another normalization.
        arguments.update(aux_logits=False, init_weights=True, transform_input=True)
    return arguments
