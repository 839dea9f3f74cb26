"""How many images a network is shown at once where no training step says it."""

from __future__ import annotations

import math

from torch import Tensor

from edgesynth.tasks import Stored

SMALL = 1 << 14  # numbers in an image, up to which `most` are shown: 73x73 in color
NUMBERS = 1 << 22  # in all images that are shown at once, of larger ones: a layer of 64 channels then holds some 400 MB


def inference_batch(images: Tensor | Stored, most: int) -> int:
    """At most `most` images (N, C, H, W); fewer where they are so large that the activations would fill the memory."""
    size = math.prod(images.shape[1:])
    return most if size <= SMALL else max(1, min(most, NUMBERS // size))
