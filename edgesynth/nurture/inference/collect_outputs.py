"""Outputs for a whole split, in memory or, where they would fill it, in a file.

Maps of 21 classes for 1,449 images of 512x512 are 32 GB, whatever the network.
"""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from edgesynth.errors import UserError
from edgesynth.tasks.images.free_memory import available_bytes

SHARE = 1 / 8  # of the free memory, for the outputs of one network: an export compares three forms of it


def collect_outputs(chunks: Iterable[Tensor], count: int) -> Tensor:
    """Chunks (n, ...) one after the other, as one tensor (count, ...) on the CPU.

    What takes more than an eighth of the free memory lies in a temporary file, which is gone with the tensor.

    Args:
        chunks: outputs in order, at least one.
        count: their images in all.

    Raises:
        UserError: they are too large for the memory, and for the disk of temporary files.
    """
    collected, done = Tensor(), 0
    for chunk in chunks:
        if not done:
            collected = _room((count, *chunk.shape[1:]), chunk.dtype)
        collected[done : done + len(chunk)] = chunk
        done += len(chunk)
    assert done == count
    return collected


def collected_bytes(count: int, shape: Sequence[int]) -> int:
    """Memory that outputs (count, *shape) in float32 take."""
    return min(count * math.prod(shape) * torch.float32.itemsize, _most_in_memory())


def _most_in_memory() -> int:
    return int(available_bytes() * SHARE)


def _room(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    size = math.prod(shape)
    needed, most = size * dtype.itemsize, _most_in_memory()
    if needed <= most:
        return torch.empty(shape, dtype=dtype)
    folder = tempfile.gettempdir()
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise UserError(
            f"outputs for {shape[0]:,} images take {needed / 1e9:,.1f} GB; {most / 1e9:,.1f} GB are kept in memory and "
            f"{free / 1e9:,.1f} GB are free in {folder}; let TMPDIR name a folder with more room, or give a smaller "
            "--image-size"
        )
    with tempfile.NamedTemporaryFile(dir=folder, prefix="edgesynth-") as file:
        return torch.from_file(file.name, shared=True, size=size, dtype=dtype).view(shape)
