"""Images of one size that come packed in few files, as the official downloads of small data sets do.

Pixels take a quarter of the memory of float32. Where float32 would take too much, a `Packed` holds pixels, and
normalizes them when they are asked for.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from edgesynth.errors import UserError
from edgesynth.tasks.classification.classification import Split
from edgesynth.tasks.images.free_memory import available_bytes
from edgesynth.tasks.images.normalization import DEVIATION, MEAN, normalized
from edgesynth.tasks.images.stored import SHARE, Stored


class Packed(Stored):
    """A stack of images that are held as pixels.

    Args:
        pixels: (N, 3, H, W) uint8.
    """

    def __init__(self, pixels: Tensor) -> None:
        self.pixels = pixels
        self.shape = pixels.shape

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, indices: Tensor) -> Tensor:
        """The images at (K,) indices, in that order: (K, 3, H, W) float32."""
        return normalized(self.pixels[indices])

    def part(self, indices: Tensor) -> Packed:
        """The images at these indices as a stack, still as pixels."""
        return Packed(self.pixels[indices])

    def identity(self) -> bytes:
        """A key of the data: sha256 of the pixels."""
        return hashlib.sha256(self.pixels.contiguous().numpy().tobytes()).digest()


def packed_split(pixels: np.ndarray, labels: np.ndarray, most_bytes: int | None = None) -> Split:
    """A split, as float32 where that fits into a quarter of the free memory, else as pixels.

    Args:
        pixels: (N, 3, H, W) uint8.
        labels: (N,) of any integers.
        most_bytes: memory that the numbers may take.
    """
    stack = torch.from_numpy(np.ascontiguousarray(pixels))
    bound = int(SHARE * available_bytes()) if most_bytes is None else most_bytes
    images = normalized(stack) if 4 * stack.nbytes <= bound else Packed(stack)
    return Split(images, torch.from_numpy(labels.astype(np.int64)))


def held_out(split: Split, count: int) -> tuple[Split, Split]:
    """What is left, and so many for validation (a tenth, where there are few), in a shuffle that is always the same."""
    order = torch.randperm(len(split.labels), generator=torch.Generator().manual_seed(0))
    count = min(count, len(order) // 10)
    return split.part(order[: len(order) - count]), split.part(order[len(order) - count :])


def official_folder(
    task: str, data_root: Path | None, names: tuple[str, ...], files: tuple[str, ...], get: str
) -> Path:
    """The folder that holds all files of a download.

    Args:
        task: name of the task.
        data_root: given by the user.
        names: folders within it where the files may lie.
        files: that must be there.
        get: what to do where they are not, in words.

    Raises:
        UserError: no folder was given, or a file is missing.
    """
    if data_root is None:
        raise UserError(f"the task {task} needs its folder, as in --task {task}:DIR; {get}")
    if not data_root.is_dir():
        raise UserError(f"--task {task}:{data_root} names no folder; {get}")
    folders = [data_root / name for name in (*names, ".")]
    folder = next((candidate for candidate in folders if (candidate / files[0]).is_file()), None)
    if folder is None:
        raise UserError(f"{data_root} holds no {files[0]}, nor does {' or '.join(names) or 'a folder'} in it; {get}")
    missing = [name for name in files if not (folder / name).is_file()]
    if missing:
        raise UserError(f"{folder} lacks {', '.join(missing)}; {get}")
    return folder


def records(file: Path, length: int) -> np.ndarray:
    """(N, length) uint8 of a file of records.

    Raises:
        UserError: it is empty, or ends within a record.
    """
    content = np.fromfile(file, np.uint8)
    if not content.size or content.size % length:
        raise UserError(
            f"{file} has {content.size:,} bytes, which is no whole number of records of {length:,}; fetch it again"
        )
    return content.reshape(-1, length)


def check_labels(file: Path, labels: np.ndarray, low: int, high: int) -> None:
    """Refuse labels out of their range.

    Raises:
        UserError: see above.
    """
    if labels.min() < low or labels.max() > high:
        raise UserError(
            f"{file} has labels from {labels.min()} to {labels.max()}; they must lie within {low} to {high}: fetch it "
            "again"
        )


def unofficial(task: str, count: int, official: int) -> list[str]:
    """A note where there are more or fewer training images than were published."""
    return [f"{task} has {count:,} training images here and {official:,} officially"] if count != official else []


def preprocessing(source: str) -> dict[str, object]:
    """Preprocessing steps of color images that already have their size."""
    return {"source": source, "scale": 1 / 255, "mean": list(MEAN), "std": list(DEVIATION)}
