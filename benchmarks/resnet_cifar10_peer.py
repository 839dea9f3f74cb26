"""Torch-Pruning's side of the CIFAR-10 comparison: its group-norm pruner with sparse learning, as its manual has it.

Half of the epochs train under its group regularisation, then whole groups go, smallest norm first, until the MACs meet
the budget, and the other half of the epochs fine-tune what is left by the very recipe of edgesynth's last generation.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from edgesynth.nurture import batches
from edgesynth.tasks import Classification

REGULARISATION, RATE, MOMENTUM, DECAY = 5e-4, 0.01, 0.9, 5e-4  # its reproduction of ResNet-56 on CIFAR-10
STEPS = 400  # its pruning is done in so many small steps


def sparse_and_pruned(
    network: nn.Module,
    task: Classification,
    most_macs: int,
    epochs: int,
    batch_size: int,
    generator: torch.Generator,
    epoch_done: Callable[[int], None],
) -> nn.Module:
    """A network of at most so many MACs, not yet fine-tuned.

    Args:
        network: trained; not changed.
        task: what it learned.
        most_macs: budget.
        epochs: of sparse learning.
        batch_size: images a step.
        generator: source of order and augmentation.
        epoch_done: told the number of epochs done.
    """
    import torch_pruning as tp

    model: Any = copy.deepcopy(network).to(memory_format=torch.channels_last)
    images = torch.zeros(1, *task.input_shape)
    pruner = tp.pruner.GroupNormPruner(
        model,
        images,
        importance=tp.importance.GroupMagnitudeImportance(p=2),
        reg=REGULARISATION,
        pruning_ratio=1.0,
        global_pruning=True,
        iterative_steps=STEPS,
        ignored_layers=[layer for layer in model.modules() if isinstance(layer, nn.Linear)],
    )
    learn_sparsely(model, pruner, task, epochs, batch_size, generator, epoch_done)
    for _ in range(STEPS):
        if macs(model, images) <= most_macs:
            return model
        pruner.step()
    raise RuntimeError(f"Torch-Pruning stays at {macs(model, images):,} MACs; the budget is {most_macs:,}")


def learn_sparsely(
    model: nn.Module,
    pruner: Any,
    task: Classification,
    epochs: int,
    batch_size: int,
    generator: torch.Generator,
    epoch_done: Callable[[int], None],
) -> None:
    """Train under the pruner's regularisation, in place: its own recipe, SGD whose rate falls tenfold twice."""
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE, momentum=MOMENTUM, weight_decay=DECAY)
    falls = torch.optim.lr_scheduler.MultiStepLR(optimizer, [round(0.6 * epochs), round(0.8 * epochs)])
    for epoch in range(epochs):
        model.train()
        pruner.update_regularizer()
        for batch in batches(task, batch_size, generator):
            optimizer.zero_grad()
            task.loss(model(batch.images), batch.labels).backward()
            pruner.regularize(model)
            optimizer.step()
        falls.step()
        epoch_done(epoch + 1)
    model.eval()


def macs(model: nn.Module, images: Tensor) -> int:
    """Multiply-accumulates for one image, by torch's own counter."""
    model.eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(images)
    return counter.get_total_flops() // 2
