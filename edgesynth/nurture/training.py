"""Nurture: train an offspring on its task, taught by the ancestor, with its dead synapses held at zero."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from edgesynth.nurture.batches import Batch, batches
from edgesynth.nurture.distillation import distillation_loss
from edgesynth.nurture.teaching import Teacher
from edgesynth.tasks import Classification, Split

EVALUATION_BATCH = 1000
EpochDone = Callable[[int, float], None]


@dataclass(frozen=True)
class Recipe:
    """How to train.

    Attributes:
        epochs: passes over the training split.
        batch_size: images a step.
        learning_rate: AdamW's rate at the end of the warm-up, from which a cosine falls to zero.
        weight_decay: AdamW's decoupled decay.
        warm_up: share of all steps in which the rate rises from zero; in [0, 1).
    """

    epochs: int
    batch_size: int = 128
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4
    warm_up: float = 0.05

    def rate(self, step: int, steps: int) -> float:
        """Learning rate of a step."""
        rising = max(1, round(self.warm_up * steps))
        if step < rising:
            return self.learning_rate * (step + 1) / rising
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, steps - rising)))


def nurture(
    network: nn.Module,
    task: Classification,
    recipe: Recipe,
    generator: torch.Generator,
    synapses: Mapping[str, Tensor] | None = None,
    teacher: Teacher | None = None,
    epoch_done: EpochDone | None = None,
    learned: Sequence[nn.Parameter] = (),
) -> list[float]:
    """Train a network in place.

    Args:
        network: what is trained; left in evaluation mode.
        task: gives data, augmentation and loss.
        recipe: how long and how fast.
        generator: source of every random draw: order, augmentation, dropout.
        synapses: {weight: bool mask of its shape}; False stays zero.
        teacher: the ancestor; with it the loss is half the task's and half distillation.
        epoch_done: told the number of epochs done and the mean loss of the last.
        learned: what is trained besides the network and not decayed, such as the scales of quantisers.

    Returns:
        Mean loss of each epoch.
    """
    masks = [(network.get_parameter(name), mask) for name, mask in (synapses or {}).items()]
    _silence(masks)
    network.to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    groups: list[dict[str, Any]] = [{"params": list(network.parameters())}]
    groups += [{"params": list(learned), "weight_decay": 0.0}] if learned else []
    optimizer = torch.optim.AdamW(groups, lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    steps = recipe.epochs * math.ceil(len(task.train.labels) / recipe.batch_size)
    losses, step = [], 0
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(
            int(torch.randint(0, 1 << 62, (), generator=generator))
        )  # dropout draws from the global source
        for epoch in range(recipe.epochs):
            total = 0.0
            for batch in batches(task, recipe.batch_size, generator):
                for group in optimizer.param_groups:
                    group["lr"] = recipe.rate(step, steps)
                loss = _loss(network, task, batch, teacher)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                _silence(masks)
                total += loss.item() * len(batch.labels)
                step += 1
            losses.append(total / len(task.train.labels))
            if epoch_done:
                epoch_done(epoch + 1, losses[-1])
    network.eval()
    return losses


def outputs(network: nn.Module, images: Tensor) -> Tensor:
    """Outputs (N, ...) of a network in evaluation mode for images (N, C, H, W)."""
    network.eval()
    with torch.no_grad():
        return torch.cat([network(chunk) for chunk in images.split(EVALUATION_BATCH)])


def score(network: nn.Module, task: Classification, split: Split) -> float:
    """The task's metric of a network on a split."""
    return task.metric(outputs(network, split.images), split.labels)


def _loss(network: nn.Module, task: Classification, batch: Batch, teacher: Teacher | None) -> Tensor:
    logits = network(batch.images)
    loss = task.loss(logits, batch.labels)
    return loss if teacher is None else 0.5 * loss + 0.5 * distillation_loss(logits, teacher(batch))


def _silence(masks: list[tuple[nn.Parameter, Tensor]]) -> None:
    with torch.no_grad():
        for weight, mask in masks:
            weight.mul_(mask)
