"""Inspect a network that a user names: build it, trace it, prove what can be cut, and tell it as plain values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from edgesynth.anatomy import Anatomy, Branch, Census, ClusterGroup, prove_groups, trace
from edgesynth.ancestors.number_format import in_float32
from edgesynth.ancestors.registry import build_ancestor, example_shape
from edgesynth.errors import UserError


def inspect_network(
    network: str,
    shapes: Sequence[tuple[int, ...]] = (),
    prove: bool = True,
    say: Callable[[str], Any] = lambda line: None,
) -> dict[str, Any]:
    """What can be cut out of a network, what cannot and why, and its size. Its weights are random, seeded.

    Args:
        network: name of an ancestor, or `package.module:callable`.
        shapes: of its inputs, batch included; the ancestor's own by default, else (1, 3, 224, 224).
        prove: cut every group in several ways and compare.
        say: called with what is done next.

    Returns:
        Plain values: `network`, `inputs`, `proven`, `groups`, `branches`, `output_channels`,
        `removable_output_channels`, `macs_without_branches`, `census`, `note`.

    Raises:
        UserError: there is no such network, it cannot be traced with such inputs, or they do not fit into memory.
    """
    torch.manual_seed(0)
    say(f"building {network}")
    model = build_ancestor(network)
    examples = tuple(_random(shape) for shape in shapes or [example_shape(network)])
    if len(examples) == 1:
        in_float32(network, model, examples[0].shape[1:])
    say(f"tracing {network}")
    anatomy = trace(model, examples)
    if prove:
        branches = f" and {len(anatomy.removable_branches)} branches" if anatomy.branches else ""
        say(f"proving the removal of {len(anatomy.removable)} groups{branches}")
        anatomy = prove_groups(model, anatomy, examples)
    return _facts(network, anatomy, examples, prove)


def _random(shape: tuple[int, ...]) -> Tensor:
    try:
        return torch.randn(shape)
    except (RuntimeError, TypeError, OverflowError) as error:
        raise UserError(
            f"--input {'x'.join(map(str, shape))} does not fit into memory; give the size of one input of the network"
        ) from error


def _facts(network: str, anatomy: Anatomy, inputs: tuple[Tensor, ...], proven: bool) -> dict[str, Any]:
    """Everything that is shown, as plain values."""
    channels, census = anatomy.removable_channels(), anatomy.census()
    return {
        "network": network,
        "inputs": [list(example.shape) for example in inputs],
        "proven": proven,
        "groups": [_group(group) for group in anatomy.groups],
        "branches": [_branch(anatomy, branch, census) for branch in anatomy.branches],
        "output_channels": sum(whole for _, whole in channels.values()),
        "removable_output_channels": round(sum(part for part, _ in channels.values())),
        "macs_without_branches": anatomy.census({branch.name: [] for branch in anatomy.removable_branches}).macs,
        "census": census.to_json(),
        "note": anatomy.note,
    }


def _group(group: ClusterGroup) -> dict[str, Any]:
    writers = group.writers()
    layers = dict.fromkeys(writer.parameter.rpartition(".")[0] or writer.parameter for writer in writers)
    return {
        "name": group.name,
        "units": group.size,
        "clusters": int((writers[0].units >= 0).sum()) if writers else group.size,
        "layers": list(layers),
        "removable": group.removable and group.size > 1,
        "reason": group.reason or ("" if group.size > 1 else "a single unit, and one must stay"),
    }


def _branch(anatomy: Anatomy, branch: Branch, whole: Census) -> dict[str, Any]:
    """A branch, and what the census loses if it alone dies: nothing is known of one that cannot."""
    left = anatomy.census({branch.name: []}) if branch.removable else None
    weights = [weight for weight in anatomy.weights() if weight in branch.parameters]
    return {
        "name": branch.name,
        "place": anatomy.depth.place(branch),
        "layers": list(dict.fromkeys(weight.rpartition(".")[0] or weight for weight in weights)),
        "params": left and whole.params - left.params,
        "macs": left and whole.macs - left.macs,
        "removable": branch.removable,
        "reason": branch.reason,
    }
