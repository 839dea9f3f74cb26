"""Running statistics of normalization, measured anew.

What an offspring inherits was measured while its dead clusters and synapses were alive; thinned, its layers see other
means and variances (after EagleEye, Li et al., arXiv 2007.02491).
"""

from __future__ import annotations

from itertools import islice

import torch
from torch import nn

from edgesynth.nurture.batches import batches
from edgesynth.nurture.hardware import device_of
from edgesynth.tasks import Task

BATCHES, BATCH_SIZE = 4, 128


def reestimate(network: nn.Module, task: Task, generator: torch.Generator) -> None:
    """Measure running means and variances of a network on 512 training images, in place.

    Each is the plain mean over 4 batches (momentum None). All else is in evaluation mode: nothing is dropped out. A
    network without running statistics is left as it is.

    Args:
        network: its dead synapses already cleared; left in evaluation mode.
        task: gives the images, augmented as in training.
        generator: which images, and how they are augmented.
    """
    tracking = [
        module
        for module in network.modules()
        if isinstance(module, nn.modules.batchnorm._NormBase) and module.running_mean is not None
    ]
    network.eval()
    if not tracking:
        return
    momenta = [module.momentum for module in tracking]
    for module in tracking:
        module.reset_running_stats()
        module.train()
        module.momentum = None
    device = device_of(network)
    with torch.no_grad():
        for batch in islice(batches(task, BATCH_SIZE, generator), BATCHES):
            network(batch.on(device).images)
    for module, momentum in zip(tracking, momenta, strict=True):
        module.eval()
        module.momentum = momentum
