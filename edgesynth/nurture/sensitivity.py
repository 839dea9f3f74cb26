"""How strongly the loss depends on each synapse."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

import torch
from torch import Tensor, nn

from edgesynth.nurture.batches import batches
from edgesynth.nurture.hardware import device_of
from edgesynth.tasks import Classification

BATCHES, BATCH_SIZE = 64, 64


def squared_gradients(
    network: nn.Module, task: Classification, names: Iterable[str], generator: torch.Generator
) -> dict[str, Tensor]:
    """Mean squared gradient of the task's loss for each named parameter, over 64 batches of 64 training images.

    w^2 times it is the expected square of the loss's first-order change when the synapse dies; it also is the diagonal
    of the empirical Fisher information, up to the size of a batch.

    Returns:
        {name: tensor of the parameter's shape, >= 0, on the CPU}.
    """
    network.eval()
    device = device_of(network)
    parameters = {name: network.get_parameter(name) for name in names}
    energy = {name: torch.zeros_like(parameter) for name, parameter in parameters.items()}
    count = 0
    for batch in islice(batches(task, BATCH_SIZE, generator), BATCHES):
        batch = batch.on(device)
        gradients = torch.autograd.grad(task.loss(network(batch.images), batch.labels), list(parameters.values()))
        for name, gradient in zip(parameters, gradients, strict=True):
            energy[name] += gradient.square()
        count += 1
    return {name: (total / count).cpu() for name, total in energy.items()}
