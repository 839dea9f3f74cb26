"""Train, validation and test from the splits that a data set has."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from edgesynth.tasks.datasets.shuffling import TEST, VALIDATION, shuffled

NAMES = {"train": ("train", "training"), "val": ("val", "valid", "validation"), "test": ("test", "testing")}
Sample = TypeVar("Sample")


def split_folders(root: Path) -> dict[str, Path]:
    """{`train`, `val` or `test`: its folder} of the folders in `root`; empty without a folder for train.

    `Train` is train; where there are both, the name in small letters is meant.
    """
    entries = sorted(root.iterdir()) if root.is_dir() else []
    folders = {entry.name.lower(): entry for entry in entries if entry.is_dir()}
    present = {part: [folders[name] for name in names if name in folders] for part, names in NAMES.items()}
    return {part: named[0] for part, named in present.items() if named} if present["train"] else {}


def idle_folders(root: Path, used: Mapping[str, Path]) -> list[str]:
    """Names of the folders in `root` that are not used as splits; empty where there are no splits."""
    others = [entry for entry in sorted(root.iterdir()) if entry.is_dir() and not entry.name.startswith((".", "__"))]
    return [entry.name for entry in others if entry not in used.values()] if used else []


def three_parts(
    root: Path,
    parts: Mapping[str, Sequence[Sample]],
    split: Callable[..., list[list[Any]]] = shuffled,
    shares: tuple[float, float] = (VALIDATION, TEST),
) -> dict[str, list[Sample]]:
    """Train, validation and test.

    The splits of the data are kept. A missing val is held out of train. With train and val alone, val becomes the test
    split. Train alone is split like a folder without splits.

    Args:
        root: the data set's folder, for messages.
        parts: {`all`: samples}, or those of `train` and of what there is of `val` and `test`.
        split: takes folder, samples and shares, and gives what is left and each share.
        shares: of validation and of test, in (0, 1).

    Raises:
        UserError: there are too few to hold some out.
    """
    validation, test = shares
    if len(parts) == 1:
        ((name, samples),) = parts.items()
        ordered = split(root if name == "all" else root / name, samples, validation, test)
    elif "val" in parts and "test" in parts:
        ordered = [list(parts[name]) for name in NAMES]
    else:
        ordered = [*split(root / "train", parts["train"], validation), list(parts.get("test", parts.get("val", ())))]
    return dict(zip(("train", "validation", "test"), ordered, strict=True))
