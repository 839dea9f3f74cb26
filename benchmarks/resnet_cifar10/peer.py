"""Torch-Pruning's side of the CIFAR-10 comparison: its group-norm pruner with sparse learning, as its manual has it.

Some epochs train under its group regularization, then whole groups go, smallest norm first, until the MACs meet the
budget, and what is left is fine-tuned.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from edgesynth.nurture import batches
from edgesynth.tasks import Classification

REGULARIZATION, RATE, MOMENTUM, DECAY = 5e-4, 0.01, 0.9, 5e-4  # its reproduction of ResNet-56 on CIFAR-10
FALLS = (0.6, 0.8)  # shares of all epochs after which the rate falls tenfold, in sparse learning and in fine-tuning
BATCH = 128
STEPS = 400  # its pruning is done in so many small steps


def learn_sparsely(network: nn.Module, task: Classification, epochs: int, generator: torch.Generator) -> None:
    """Train under the pruner's regularization, in place.

    Args:
        network: trained.
        task: what it learned.
        epochs: passes over the training split.
        generator: source of order and augmentation.
    """
    pruner = group_norm_pruner(network, torch.zeros(1, *task.input_shape))
    _descend(network, task, epochs, generator, pruner.update_regularizer, pruner.regularize)


def finetune(network: nn.Module, task: Classification, epochs: int, generator: torch.Generator) -> None:
    """Train what is left after pruning, in place, without a teacher."""
    _descend(network, task, epochs, generator, lambda: None, lambda network: None)


def pruned(network: nn.Module, images: Tensor, most_macs: int) -> nn.Module:
    """The network, cut in place to at most so many MACs for one image; not yet fine-tuned."""
    pruner = group_norm_pruner(network, images)
    for _ in range(STEPS):
        if macs(network, images) <= most_macs:
            return network
        pruner.step()
    raise RuntimeError(f"Torch-Pruning stays at {macs(network, images):,} MACs; the budget is {most_macs:,}")


def group_norm_pruner(network: nn.Module, images: Tensor) -> Any:
    """Torch-Pruning's pruner over all groups at once; the classifier's outputs stay."""
    import torch_pruning as tp

    return tp.pruner.GroupNormPruner(
        network,
        images,
        importance=tp.importance.GroupMagnitudeImportance(p=2),
        reg=REGULARIZATION,
        pruning_ratio=1.0,
        global_pruning=True,
        iterative_steps=STEPS,
        ignored_layers=[layer for layer in network.modules() if isinstance(layer, nn.Linear)],
    )


def _descend(
    network: nn.Module,
    task: Classification,
    epochs: int,
    generator: torch.Generator,
    before_epoch: Callable[[], object],
    regularize: Callable[[nn.Module], object],
) -> None:
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.SGD(network.parameters(), lr=RATE, momentum=MOMENTUM, weight_decay=DECAY)
    falls = torch.optim.lr_scheduler.MultiStepLR(optimizer, [round(share * epochs) for share in FALLS])
    for epoch in range(epochs):
        network.train()
        before_epoch()
        for batch in batches(task, BATCH, generator):
            optimizer.zero_grad()
            task.loss(network(batch.images), batch.labels).backward()
            regularize(network)
            optimizer.step()
        falls.step()
        print(f"  epoch {epoch + 1} of {epochs}", flush=True)
    network.eval()


def macs(network: nn.Module, images: Tensor) -> int:
    """Multiply-accumulates for one image, by torch's own counter."""
    network.eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(images)
    return counter.get_total_flops() // 2
