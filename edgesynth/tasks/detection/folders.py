"""`--task voc:DIR`, `kitti:DIR` and `coco:DIR`: detection from a folder, images read from disk as they are needed.

Boxes become rows of (class, left, top, right, bottom), the corners in shares of the square that the image is fitted to.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import chain
from pathlib import Path

import torch
from torch import Tensor

from edgesynth.errors import UserError
from edgesynth.tasks.datasets.folder import folder_of
from edgesynth.tasks.datasets.pairs.reading import DEVIATION, MEAN, normalized
from edgesynth.tasks.datasets.shuffling import shuffled
from edgesynth.tasks.datasets.splits import three_parts
from edgesynth.tasks.datasets.summarize import few
from edgesynth.tasks.detection import coco, kitti, voc
from edgesynth.tasks.detection.anchors import find_anchors
from edgesynth.tasks.detection.annotation import Annotated, Found
from edgesynth.tasks.detection.annotation_filter import AnnotationFilter
from edgesynth.tasks.detection.detection import NO_BOX, Detection
from edgesynth.tasks.detection.letterbox import GRAY, fit_of, letterboxed
from edgesynth.tasks.images.augmentation import MAX_ZOOM
from edgesynth.tasks.images.pixels import DECODING
from edgesynth.tasks.images.stored import Kept, Stored
from edgesynth.tasks.task import Split

LAYOUTS = {
    "voc": (voc.read_voc, voc.LAYOUT),
    "kitti": (kitti.read_kitti, kitti.LAYOUT),
    "coco": (coco.read_coco, coco.LAYOUT),
}


def boxes_task(kind: str) -> Callable[[Path | None, int], Detection]:
    """What builds the task from data of a kind: `voc`, `kitti` or `coco`."""
    return partial(_build, kind)


def read_annotated(kind: str, root: Path) -> Found:
    """What a data set of a kind lists, each image once.

    Raises:
        UserError: it is of another layout, or two splits list the same image.
    """
    found = LAYOUTS[kind][0](root)
    found.once(root)
    return found


def _build(kind: str, data_root: Path | None = None, image_size: int = 64) -> Detection:
    """Build the task from a folder; see `voc`, `kitti` and `coco` for their layouts.

    Splits that the data have are kept; see `three_parts` for what is done about one that is missing. Images are fitted
    to (3, S, S) with their proportions kept, and normalized by ImageNet's mean and deviation. Training shifts, mirrors
    and scales them, and their boxes alike; a box of which too little is left is not looked for.

    Args:
        kind: of layout.
        data_root: the folder.
        image_size: S, pixels.

    Raises:
        UserError: no folder was given, it is of another layout, or a split has no image or no box left.
    """
    root = folder_of(kind, data_root, LAYOUTS[kind][1])
    found, kept = read_annotated(kind, root), Kept()
    reader = partial(letterboxed, size=image_size)
    sieve = AnnotationFilter(found, lambda file: kept(file, reader))
    count = sum(map(len, found.parts.values())) + sum(map(len, found.skipped.values()))
    sound = {name: sieve.images(listed) for name, listed in found.parts.items()}
    parts = three_parts(root, sound, partial(shuffled, what="sound images", why=_why(found)))
    classes, lost = _classes(found, parts["train"])
    splits = {
        name: Split(
            Stored([str(one.image) for one in listed], (3, image_size, image_size), reader, normalized, kept),
            _labels(listed, classes, image_size),
        )
        for name, listed in parts.items()
    }
    for name, split in splits.items():
        if not (split.targets[..., 0] >= 0).any():
            raise UserError(f"{root} has no sound box in {name}, {len(split.labels)} images{_why(found)}")
    rows = splits["train"].targets.flatten(0, 1)
    return Detection(
        name=kind,
        train=splits["train"],
        validation=splits["validation"],
        load_test=splits["test"].itself,
        labels=classes,
        preprocessing={
            "source": "RGB images with values 0..255",
            "decode": DECODING,
            "resize": {"longer_side": image_size, "mode": "bilinear", "antialias": True},
            "pad": {"size": [image_size, image_size], "at": "center", "value": GRAY},
            "scale": 1 / 255,
            "mean": list(MEAN),
            "std": list(DEVIATION),
        },
        max_shift=max(2, image_size // 16),
        flip=True,
        max_zoom=MAX_ZOOM,
        notes=_notes(root, count, parts, sieve, lost),
        anchors=find_anchors(rows[rows[:, 0] >= 0][:, 1:]),
    )


def _classes(found: Found, train: list[Annotated]) -> tuple[list[str], list[str]]:
    """The classes that train has boxes of, in order, and those that it should have and has not."""
    seen = {box.name for one in train for box in one.boxes}
    listed = found.classes if found.classes is not None else sorted(seen)
    return [name for name in listed if name in seen], [name for name in listed if name not in seen]


def _labels(listed: list[Annotated], classes: list[str], size: int) -> Tensor:
    """(N, M, 5) float32: rows of class, left, top, right, bottom; what is no box is of class -1."""
    numbers = {name: number for number, name in enumerate(classes)}
    rows = []
    for one in listed:
        assert one.size is not None
        fit = fit_of(*one.size, size)
        scale = torch.tensor([fit.width / one.size[0], fit.height / one.size[1]] * 2)
        offset = torch.tensor([fit.left, fit.top] * 2)
        known = [box for box in one.boxes if box.name in numbers]
        corners = torch.tensor([box[1:] for box in known], dtype=torch.float32).reshape(-1, 4) * scale + offset
        kinds = torch.tensor([[float(numbers[box.name])] for box in known]).reshape(-1, 1)
        rows.append(torch.cat([kinds, corners], dim=1))
    labels = torch.tensor(NO_BOX).repeat(len(rows), max([1, *map(len, rows)]), 1)
    for place, row in enumerate(rows):
        labels[place, : len(row)] = row
    return labels


def _why(found: Found) -> str:
    odd = [*chain(*found.skipped.values(), *found.dropped.values())]
    return f": {few(odd)}" if odd else ""


def _notes(
    root: Path, count: int, parts: dict[str, list[Annotated]], sieve: AnnotationFilter, lost: list[str]
) -> list[str]:
    listed = [one for part in parts.values() for one in part]
    seen = {box.name for one in parts["train"] for box in one.boxes}
    known = seen if sieve.found.classes is None else seen & set(sieve.found.classes)
    strange = [box.name for one in listed for box in one.boxes if box.name not in known]
    empty = sum(not one.boxes for one in listed)
    found = sieve.found
    notes = []
    if skipped := [*chain(*found.skipped.values())]:
        notes.append(f"of {root}, {count:,} images, {len(skipped):,} files are skipped: {few(skipped)}")
    if dropped := [*chain(*found.dropped.values())]:
        notes.append(f"of {root}, {len(dropped):,} boxes are left out: {few(dropped)}")
    if strange:
        names = ", ".join(sorted(set(strange)))
        notes.append(f"of {root}, {len(strange):,} boxes are of classes that train has none of, and left out: {names}")
    if lost:
        notes.append(f"{root} lists classes that train has no box of; they are not learned: {', '.join(lost)}")
    if sieve.cut:
        notes.append(f"{len(sieve.cut):,} boxes of {root} reach outside their image and are cut at its edge")
    if empty:
        notes.append(f"{empty:,} of {len(listed):,} images of {root} have no box")
    return notes
