"""How much memory training takes: weights and what belongs to them, and what the backward pass needs of a batch."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from edgesynth.errors import UserError
from edgesynth.importing import quoted

BATCH = 2  # images that the activations are measured with; normalization in training needs more than one
STATES = 4  # of each parameter: itself, its gradient and AdamW's two moments
TEACHER = 1  # the ancestor's weights, beside those of an offspring


class TrainingMemory(NamedTuple):
    """Bytes that training takes, in float32.

    Attributes:
        weights: parameters, gradients, AdamW's moments, and the teacher's parameters.
        activations: what one batch leaves for its backward pass. What a convolution works in is not counted.
    """

    weights: int
    activations: int


def training_memory(network: nn.Module, input_shape: Sequence[int], batch_size: int) -> TrainingMemory:
    """Measure it by one pass of two images; the network is not changed.

    Args:
        network: the ancestor.
        input_shape: (C, H, W).
        batch_size: images a step.

    Raises:
        UserError: its pass fails.
    """
    network = copy.deepcopy(network).train()
    parameters = sum(parameter.nbytes for parameter in network.parameters())
    own = {tensor.untyped_storage().data_ptr() for tensor in (*network.parameters(), *network.buffers())}
    saved: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            saved[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.random.fork_rng(devices=[]), torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        _pass(network, torch.zeros(BATCH, *input_shape))
    return TrainingMemory((STATES + TEACHER) * parameters, sum(saved.values()) * batch_size // BATCH)


def _pass(network: nn.Module, images: Tensor) -> None:
    try:
        network(images)
    except Exception as error:
        raise UserError(
            f"{type(network).__name__} cannot be trained with inputs of shape {tuple(images.shape)}: {quoted(error)}; "
            "in training mode too its forward must take them"
        ) from error
