"""Nurture: train an offspring on its task, taught by the ancestor, with its dead synapses held at zero."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from edgesynth.anatomy import in_layout
from edgesynth.errors import UserError
from edgesynth.nurture.batches import Batch, batch_sizes, batches
from edgesynth.nurture.callbacks.callback import Callback
from edgesynth.nurture.callbacks.dead_synapses import DeadSynapses
from edgesynth.nurture.divergence import expect_finite_loss, expect_finite_weights
from edgesynth.nurture.hardware import Hardware, device_of, seeded
from edgesynth.nurture.inference.collect_outputs import collect_outputs
from edgesynth.nurture.inference.inference_batch import inference_batch
from edgesynth.nurture.teacher.distillation import TEMPERATURE, distillation_loss
from edgesynth.nurture.teacher.features import FeatureDistance, Places
from edgesynth.nurture.teacher.teaching import Teacher
from edgesynth.tasks import Split, Stored, Task

EVALUATION_BATCH = 250  # of which the activations of a small network stay in a processor's cache
HERE = Hardware()  # this CPU, in float32
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
        distillation: the teacher's share of the loss; in [0, 1], 0 does without one.
        temperature: that of distillation.
        features: weight of the distance between what layers read in the network and in its teacher, beside the loss;
            0 does without. See `FeatureDistance`.
    """

    epochs: int
    batch_size: int = 128
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4
    warm_up: float = 0.05
    distillation: float = 0.5
    temperature: float = TEMPERATURE
    features: float = 0.0

    def rate(self, step: int, steps: int) -> float:
        """Learning rate of a step."""
        rising = max(1, round(self.warm_up * steps))
        if step < rising:
            return self.learning_rate * (step + 1) / rising
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, steps - rising)))


def nurture(
    network: nn.Module,
    task: Task,
    recipe: Recipe,
    generator: torch.Generator,
    synapses: Mapping[str, Tensor] | None = None,
    teacher: Teacher | None = None,
    epoch_done: EpochDone | None = None,
    learned: Sequence[nn.Parameter] = (),
    callbacks: Sequence[Callback] = (),
    hardware: Hardware = HERE,
    places: Places | None = None,
) -> list[float]:
    """Train a network in place.

    Args:
        network: what is trained; left on the hardware's device, in evaluation mode.
        task: gives data, augmentation and loss.
        recipe: how long and how fast.
        generator: source of every random draw: order, augmentation, dropout.
        synapses: {weight: bool mask of its shape}; False stays zero.
        teacher: the ancestor; with it a share of the loss is distillation.
        epoch_done: told the number of epochs done and the mean loss of the last.
        learned: what is trained besides the network and not decayed, such as the scales of quantizers.
        callbacks: what else acts on the weights, after each step, in this order.
        hardware: where, and in what number format.
        places: where features are compared with the teacher's, if the recipe asks for it.

    Returns:
        Mean loss of each epoch.

    Raises:
        DivergenceError: a loss or a weight is not finite; the network is of no use then.
    """
    in_layout(network.to(hardware.device)).train()
    groups: list[dict[str, Any]] = [{"params": list(network.parameters())}]
    groups += [{"params": list(learned), "weight_decay": 0.0}] if learned else []
    optimizer = torch.optim.AdamW(groups, lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    steps_per_epoch = len(batch_sizes(len(task.train.labels), recipe.batch_size))
    acting = [DeadSynapses(synapses or {}), *callbacks]
    for callback in acting:
        callback.begin(network, recipe.epochs, steps_per_epoch)
    losses: list[float] = []
    step = 0
    with ExitStack() as contexts:
        # Dropout draws from the global source.
        contexts.enter_context(seeded(hardware.device, int(torch.randint(0, 1 << 62, (), generator=generator))))
        distance = None
        if teacher is not None and places and recipe.features:
            distance = contexts.enter_context(FeatureDistance(network, teacher.network, places))
        for epoch in range(recipe.epochs):
            total = torch.zeros((), dtype=torch.float64, device=hardware.device)  # read once: a GPU need not wait
            for batch in batches(task, recipe.batch_size, generator):
                for group in optimizer.param_groups:
                    group["lr"] = recipe.rate(step, recipe.epochs * steps_per_epoch)
                loss = _loss(network, task, batch.on(hardware.device), recipe, teacher, hardware, distance)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                for callback in acting:
                    callback.after_step(step)
                total += loss.detach().double() * len(batch.labels)
                step += 1
            losses.append(total.item() / len(task.train.labels))
            expect_finite_loss(losses)
            if epoch_done:
                epoch_done(epoch + 1, losses[-1])
    for callback in acting:
        callback.end()
    expect_finite_weights(network, losses)
    network.eval()
    return losses


def outputs(network: nn.Module, images: Tensor | Stored) -> Tensor:
    """Outputs (N, ...) on the CPU of a network in evaluation mode for images (N, C, H, W), wherever it lies."""
    network.eval()
    device, size = device_of(network), inference_batch(images, EVALUATION_BATCH)
    with torch.no_grad():
        return collect_outputs((network(chunk.to(device)).cpu() for chunk in images.split(size)), len(images))


def score(network: nn.Module, task: Task, split: Split) -> float:
    """The task's metric of a network on a split.

    Raises:
        UserError: it is not a number, so nothing can be selected by it.
    """
    return score_outputs(outputs(network, split.images), task, split.targets)


def score_outputs(answers: Tensor, task: Task, labels: Tensor) -> float:
    """The task's metric of outputs (N, ...) against the labels of their split.

    Raises:
        UserError: see `score`.
    """
    metric = task.metric(answers, labels)
    if math.isnan(metric):
        raise UserError(
            f"the {task.metric_name} of the task {task.name} is nan on {len(labels)} images: selection needs a "
            "number; look at the task's labels and at its metric"
        )
    return metric


def _loss(
    network: nn.Module,
    task: Task,
    batch: Batch,
    recipe: Recipe,
    teacher: Teacher | None,
    hardware: Hardware,
    distance: FeatureDistance | None,
) -> Tensor:
    logits = hardware.forward(network, batch.images)
    loss = task.loss(logits, batch.labels)
    share = recipe.distillation
    if teacher is None or (share == 0 and distance is None):
        return loss
    # Features are there only while the teacher computes: what it has answered before is of no use then.
    taught = teacher(batch) if distance is None else teacher.compute(batch)
    if share:
        loss = (1 - share) * loss + share * distillation_loss(logits, taught, recipe.temperature, task.teaching)
    return loss if distance is None else loss + recipe.features * distance()
