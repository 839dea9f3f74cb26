"""Files of images and of masks, matched by their names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")


class Pair(NamedTuple):
    """An image and its mask, as files."""

    image: Path
    mask: Path


def by_stem(entries: Iterable[Path], suffixes: tuple[str, ...] = SUFFIXES) -> tuple[dict[str, Path], list[str]]:
    """{stem: file} of the files with one of the suffixes, by name; and a line for each file that repeats a stem."""
    files: dict[str, Path] = {}
    repeated = []
    for entry in sorted(entries):
        if entry.suffix.lower() not in suffixes or not entry.is_file():
            continue
        if entry.stem in files:
            repeated.append(f"{entry.name} is a second file of its name")
        else:
            files[entry.stem] = entry
    return files, repeated


def matched(images: dict[str, Path], masks: dict[str, Path]) -> tuple[list[Pair], list[str]]:
    """Pairs of the same stem, in the images' order; and a line for each file without a partner."""
    pairs = [Pair(image, masks[stem]) for stem, image in images.items() if stem in masks]
    odd = [f"{image.name} has no mask" for stem, image in images.items() if stem not in masks]
    return pairs, odd + [f"{mask.name} has no image" for stem, mask in masks.items() if stem not in images]


def by_split(
    folders: Mapping[str, Path], find: Callable[[Path], tuple[list[Pair], list[str]]]
) -> tuple[dict[str, list[Pair]], list[str]]:
    """{split: pairs} of {split: its folder}; and a line for each file of them that is in no pair.

    Args:
        folders: see `split_folders`.
        find: the pairs of a folder, and what of it is none.
    """
    by_part = {part: find(folder) for part, folder in folders.items()}
    return {part: pairs for part, (pairs, _) in by_part.items()}, [line for _, odd in by_part.values() for line in odd]
