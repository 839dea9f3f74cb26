"""Steps of one image: refused where batch normalization would get one value of a channel, which has no variance."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn

from edgesynth.errors import UserError


def check_batch_size(network: nn.Module, input_shape: Sequence[int], images: int, batch_size: int) -> None:
    """Refuse steps that the network cannot be trained by; the network is not changed.

    Args:
        network: the ancestor.
        input_shape: (C, H, W).
        images: of the training split.
        batch_size: images a step.

    Raises:
        UserError: a step sees one image, and of it some batch normalization one value of each channel.
    """
    if min(images, batch_size) > 1:
        return

    def look(name: str, layer: nn.modules.batchnorm._BatchNorm, inputs: tuple[Tensor]) -> None:
        if inputs[0].numel() == layer.num_features:
            raise UserError(
                f"--batch-size is {batch_size} and train has {images:,} image{'s' * (images != 1)}, so a step sees one "
                f"image, and of it the batch normalization {name} one value of each channel, which has no variance; "
                "use --batch-size 2 or more, on as many images"
            )

    network = copy.deepcopy(network).train()
    for name, layer in network.named_modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            layer.register_forward_pre_hook(partial(look, name))
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        network(torch.zeros(1, *input_shape))
