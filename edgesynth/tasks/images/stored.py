"""Images that lie on disk: read when they are asked for, and kept as far as a bound on memory allows.

A `Stored` is indexed and split like a tensor (N, ...), and only the samples that are asked for are read. Pixels are
kept as bytes, a quarter of the size of float32; on disk too, for the next command (`edgesynth.tasks.images.decoded`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from edgesynth.tasks.images.decoded import pixels_of
from edgesynth.tasks.images.free_memory import available_bytes

SHARE = 0.25  # of the memory that is free when the first image is read


class Kept:
    """Pixels by file, in memory up to a bound; files beyond it are read each time."""

    def __init__(self, most_bytes: int | None = None) -> None:
        self.most_bytes = most_bytes
        self.pixels: dict[str, Tensor] = {}
        self.bytes = 0

    def __call__(self, file: str, read: Callable[[str], Tensor]) -> Tensor:
        """The pixels of a file, read if they are kept neither here nor on disk."""
        pixels = self.pixels.get(file)
        if pixels is not None:
            return pixels
        pixels = pixels_of(file, read)
        if self.bytes + pixels.nbytes <= self.bound():
            self.pixels[file] = pixels
            self.bytes += pixels.nbytes
        return pixels

    def bound(self) -> int:
        """Bytes that may be kept: as given, or a share of the memory that is free at the first call."""
        if self.most_bytes is None:
            self.most_bytes = int(SHARE * available_bytes())
        return self.most_bytes

    def __getstate__(self) -> dict[str, Any]:
        """State for other processes, without pixels: they read the files themselves."""
        return {"most_bytes": self.most_bytes, "pixels": {}, "bytes": 0}


class Stored:
    """A stack of images or masks on disk.

    Args:
        files: one for each.
        shape: of one, after `finish`.
        read: file to pixels, uint8; a function of a module, so that other processes can be handed it.
        finish: (N, ...) pixels to what a network or a loss is given.
        kept: shared by all parts of one data set.
    """

    def __init__(
        self,
        files: list[str],
        shape: tuple[int, ...],
        read: Callable[[str], Tensor],
        finish: Callable[[Tensor], Tensor],
        kept: Kept | None = None,
    ) -> None:
        self.files = files
        self.shape = torch.Size((len(files), *shape))
        self.read = read
        self.finish = finish
        self.kept = kept or Kept()

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, indices: Tensor) -> Tensor:
        """The samples at (K,) indices, in that order: (K, ...)."""
        places = indices.tolist()
        if not places:
            return self.finish(self.kept(self.files[0], self.read)[None][:0])
        return self.finish(torch.stack([self.kept(self.files[place], self.read) for place in places]))

    def split(self, size: int) -> Iterator[Tensor]:
        """All samples in order, `size` at a time."""
        return (self[chunk] for chunk in torch.arange(len(self)).split(size))

    def part(self, indices: Tensor) -> Stored:
        """The samples at these indices as a stack, not read yet."""
        files = [self.files[place] for place in indices.tolist()]
        return Stored(files, tuple(self.shape[1:]), self.read, self.finish, self.kept)

    def identity(self) -> bytes:
        """A key of the data that needs no reading: names, sizes and times of the files."""
        facts = ((file, os.stat(file)) for file in self.files)
        return repr([(file, stat.st_size, stat.st_mtime_ns) for file, stat in facts]).encode()


def in_memory(stack: Tensor | Stored) -> Tensor:
    """All samples of a stack, in memory."""
    return stack[torch.arange(len(stack))] if isinstance(stack, Stored) else stack


def form(tensor: Tensor | Stored) -> str:
    """Shape and type of a tensor for a message, such as `(9, 1, 8, 8) of float32`."""
    kind = "pixels on disk" if isinstance(tensor, Stored) else str(tensor.dtype).removeprefix("torch.")
    return f"{tuple(tensor.shape)} of {kind}"
