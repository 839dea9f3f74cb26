"""Ancestors that were handed over as objects."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from edgesynth.ancestors.importing import import_network
from edgesynth.ancestors.wrappers import inner, unwrapped
from edgesynth.copying import copied
from edgesynth.errors import UserError
from edgesynth.importing import quoted
from edgesynth.object_registry import register_object, registered_object

SHOWN = 16  # numbers of each output


def register_network(network: nn.Module, classes: int, input_shape: Sequence[int]) -> str:
    """A name by which `build_ancestor` finds a network like this one.

    Its class's own `package.module:Class` where calling that builds a network that does the same, in any process; else
    a name that holds in this process alone.

    Args:
        network: what was handed over; it is not changed, and its weights are no part of the name.
        classes: how many its task has.
        input_shape: (C, H, W) of one input.

    Raises:
        UserError: it cannot be copied.
    """
    own = plain_copy(network)
    kind, doing = type(own), _doing(own, input_shape)
    path = f"{kind.__module__}:{kind.__qualname__}"
    if kind.__module__ != "__main__" and _does(path, classes, input_shape) == doing:
        return path
    return register_object(kind.__qualname__, hashlib.sha256(doing.encode()).hexdigest(), own)


def plain_copy(network: nn.Module) -> nn.Module:
    """A copy on the CPU, where runs keep their networks whatever device they breed on, taken out of its wrappers.

    Raises:
        UserError: it cannot be copied.
    """
    network = inner(network)
    try:
        return unwrapped(copied(network)).cpu()
    except RuntimeError as error:
        raise UserError(
            f"the network {type(network).__name__} cannot be copied: {quoted(error)}; if it keeps activations of an "
            "earlier pass in an attribute, delete them, or name the network as package.module:callable"
        ) from error


def registered_network(name: str) -> nn.Module:
    """The network that was registered under this name, as it was then.

    Raises:
        UserError: it was registered in another process.
    """
    return copy.deepcopy(
        registered_object(name, "package.module:callable as the ancestor, and its weights from a file")
    )


def _does(path: str, classes: int, input_shape: Sequence[int]) -> str | None:
    """`_doing` of what a path builds; None where it builds nothing."""
    try:
        return _doing(import_network(path, classes), input_shape)
    except UserError:
        return None


def _doing(network: nn.Module, input_shape: Sequence[int]) -> str:
    """What a network is, whatever its weights: modules, shapes, and what its code makes of weights of ours.

    Neither of the first two tells of an activation that is a function, or of a plain number.
    """
    shapes = [(name, tuple(tensor.shape)) for name, tensor in network.state_dict().items()]
    return f"{network}{shapes}{_answers(plain_copy(network).eval(), input_shape)}"


def _answers(network: nn.Module, input_shape: Sequence[int]) -> list[str]:
    """Some outputs, to three digits, so that it does not matter on how many threads; none where it cannot run.

    In float64, unless its forward insists on another format.
    """
    source = torch.Generator().manual_seed(0)
    inputs = torch.randn((2, *input_shape), generator=source)
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        _fill(network, source)
        for form in (torch.float64, torch.float32):
            try:
                output = network.to(form)(inputs.to(form))
            except Exception:  # of a user's forward; what is wrong with it is said when it is traced
                continue
            leaves = [leaf for leaf in tree_leaves(output) if isinstance(leaf, Tensor)]
            return [f"{value:.2e}" for leaf in leaves for value in leaf.flatten()[:SHOWN].tolist()]
    return []


def _fill(network: nn.Module, source: torch.Generator) -> None:
    """Give whatever is saved with a network values that do not depend on what it has learned."""
    parameters = {name for name, _ in network.named_parameters(remove_duplicate=False)}
    for name, tensor in network.state_dict().items():
        if not tensor.is_floating_point():
            continue
        if name in parameters:
            spread = (tensor.shape[0] / max(1, tensor.numel())) ** 0.5 if tensor.ndim > 1 else 0.1
            tensor.copy_(spread * torch.randn(tensor.shape, generator=source))
        else:
            tensor.fill_(1.0)
