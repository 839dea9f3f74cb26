"""The graph of a network's training mode, where that does other things than its evaluation.

An auxiliary head that only training runs reads channels too: it has to be cut with them, or the first step of training
fails. So channels are followed through both graphs, and what either of them ties is tied.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet

import torch
from torch import Tensor, nn

from edgesynth.anatomy.tracing.execution import execute, in_mode
from edgesynth.anatomy.tracing.export import quiet
from edgesynth.anatomy.tracing.walk import Walk, walk
from edgesynth.copying import copied


def training_program(
    model: nn.Module, inputs: tuple[Tensor, ...]
) -> tuple[bool | None, torch.export.ExportedProgram | None]:
    """The graph of training, without chance (see `execution.in_mode`); the model is not changed.

    Returns:
        Whether training calls other things than evaluation, None if it cannot be run with these inputs; and its graph,
        if it does and can be traced. Where it cannot, the proof, which runs it, has the last word.
    """
    with quiet():
        try:
            twin = copied(model)
            differs = execute(twin, inputs).kinds != execute(twin, inputs, training=True).kinds
        except Exception:  # of a user's forward, which may need more than these inputs in training
            return None, None
        if not differs:
            return False, None
        try:
            with in_mode(twin, training=True), torch.no_grad():
                return True, torch.export.export(twin, inputs)
        except Exception:
            return True, None


def follow_training(program: torch.export.ExportedProgram, model: nn.Module, evaluation: Walk) -> AbstractSet[str]:
    """Follow the channels through the graph of training, in the ledger of evaluation.

    Layers that only training runs are no layers of what is deployed: they are cut with what they write and read, and
    count for nothing.

    Returns:
        Names of the parameters that only training uses.
    """
    channels = evaluation.channels
    used = {parameter for parameter, _ in channels.bindings}
    products = list(channels.products)
    walk(program, model, channels)
    channels.products = products
    training_only = {parameter for parameter, _ in channels.bindings} - used
    for binding in channels.bindings.values():
        if binding.parameter in training_only and binding.role in ("weight", "read"):
            binding.role = "emit" if binding.role == "weight" else "state"
    return training_only
