"""Trace a network: its graph, its cluster groups and its branches."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

import torch
from torch import Tensor, nn

from edgesynth.anatomy.anatomy import Anatomy
from edgesynth.anatomy.branches.depth import Depth, read_depth
from edgesynth.anatomy.branches.finding import find_branches
from edgesynth.anatomy.branches.outputs import recorded_calls
from edgesynth.anatomy.branches.traced import Traced
from edgesynth.anatomy.groups import ClusterGroup, build_groups
from edgesynth.anatomy.rules.call import COMPUTED
from edgesynth.anatomy.tracing.execution import execute
from edgesynth.anatomy.tracing.export import export
from edgesynth.anatomy.tracing.graph import parameter_names
from edgesynth.anatomy.tracing.named_tensors import first_names, named_tensors
from edgesynth.anatomy.tracing.plain_weights import plain_weights_advice
from edgesynth.anatomy.tracing.training_graph import follow_training, training_program
from edgesynth.anatomy.tracing.walk import Walk, walk
from edgesynth.errors import UserError

LOG = logging.getLogger(__name__)


def trace(model: nn.Module, example_inputs: Tensor | Sequence[Tensor]) -> Anatomy:
    """Trace a network in evaluation and, where it does other things there, in training; the model is not changed.

    Args:
        model: any network that torch.export can trace.
        example_inputs: one tensor per argument of its forward, such as one (1, C, H, W) batch; a network with one
            argument may be given that tensor alone.

    Raises:
        UserError: the network cannot be traced with these inputs.
    """
    inputs = _as_inputs(example_inputs)
    started_s = time.monotonic()
    program = export(model, inputs)
    walked = walk(program, model)
    differs, training = training_program(model, inputs)
    training_only = follow_training(training, model, walked) if training else set()
    tensors = named_tensors(model)
    first = first_names(model)
    groups, products, stated = build_groups(walked.channels)
    advice = plain_weights_advice(model)
    seconds = time.monotonic() - started_s
    LOG.info(
        "traced %s: %d cluster groups, %d layers, %.1f s",
        type(model).__name__,
        len(groups),
        len(walked.layers),
        seconds,
    )
    anatomy = Anatomy(
        groups=tuple(_uncuttable(_advised(group, advice), model, walked.fixed, training_only) for group in groups),
        shapes={name: tuple(tensor.shape) for name, tensor in tensors.items()},
        aliases={name: first[id(tensor)] for name, tensor in tensors.items() if first[id(tensor)] != name},
        parameters=tuple(name for name, _ in model.named_parameters()),
        layers=tuple(walked.layers),
        products=products,
        batch=walked.batch,
        folds=tuple(fold for fold in walked.channels.folds.values() if fold.constant),
        rescales=tuple(walked.channels.rescales.values()),
        stated=tuple(each for each in stated if hasattr(model.get_submodule(each.module), each.attribute)),
        model=model,
        program=lambda: program,
        uncounted=walked.uncounted,
        differs_in_training=differs,
    )
    return replace(anatomy, depth=_depth(model, inputs, program, walked, anatomy))


def _depth(
    model: nn.Module,
    inputs: tuple[Tensor, ...],
    program: torch.export.ExportedProgram,
    walked: Walk,
    anatomy: Anatomy,
) -> Depth:
    """The network's branches, and what its modules give while they live."""
    names = parameter_names(program, model)
    buffers = {name for name, _ in model.named_buffers(remove_duplicate=False)}
    traced = Traced.read(program, names, buffers, walked.made)
    branches = find_branches(traced, anatomy.groups, frozenset(anatomy.weights()))
    if not branches:
        return Depth()
    places = [traced.places[node] for node in walked.multiplying[: len(anatomy.products)]]
    branches = tuple(
        replace(branch, products=tuple(number for number, place in enumerate(places) if place in branch.steps))
        for branch in branches
    )
    with recorded_calls(model) as calls:
        execute(model, inputs)
    return read_depth(model, traced, branches, calls)


def _advised(group: ClusterGroup, advice: str) -> ClusterGroup:
    """The group, with how its weights become plain ones if it is protected because they are computed."""
    return replace(group, reason=f"{group.reason}; {advice}") if advice and COMPUTED in group.reason else group


def _uncuttable(
    group: ClusterGroup, model: nn.Module, fixed: AbstractSet[str], training_only: AbstractSet[str]
) -> ClusterGroup:
    """The group, protected if it is the heads of torch's own attention, or if fixed filters alone write it.

    Or if it is of layers that only training runs, which are no part of what is deployed.
    """
    if group.removable and all(member.parameter in training_only for member in group.members):
        return replace(group, removable=False, reason="only training runs these layers: they are not deployed")
    filters = [member.parameter for member in group.members if member.parameter in fixed and member.role == "emit"]
    if group.removable and filters and not group.writers():
        reason = f"its filters are fixed ({filters[0]} is a buffer), and nothing says what each is worth"
        return replace(group, removable=False, reason=reason)
    owners = {member.parameter.rpartition(".")[0] for member in group.writers()} if group.removable else set()
    heads = [owner for owner in owners if isinstance(model.get_submodule(owner), nn.MultiheadAttention)]
    if not heads:
        return group
    reason = f"nn.MultiheadAttention has no form with fewer heads for its embedding (attention in {heads[0]})"
    return replace(group, removable=False, reason=reason)


def _as_inputs(example: Tensor | Sequence[Tensor]) -> tuple[Tensor, ...]:
    inputs = (example,) if isinstance(example, Tensor) else example
    if isinstance(inputs, (tuple, list)) and all(isinstance(given, Tensor) for given in inputs):
        return tuple(inputs)
    kinds = [type(given).__name__ for given in inputs] if isinstance(inputs, (tuple, list)) else type(example).__name__
    raise UserError(f"the example inputs are {kinds}; give one tensor for each argument of the network's forward")
