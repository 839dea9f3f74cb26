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
from edgesynth.tasks.datasets.summarize import summarize
from edgesynth.tasks.detection.annotations import coco, kitti, voc
from edgesynth.tasks.detection.annotations.annotation_filter import AnnotationFilter
from edgesynth.tasks.detection.annotations.listing import Annotated, Listing
from edgesynth.tasks.detection.detection import NO_BOX, Detection
from edgesynth.tasks.detection.heads.anchors import find_anchors
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
    """The function that builds the task from one layout: `voc`, `kitti` or `coco`."""
    return partial(_build, kind)


def read_annotated(kind: str, root: Path) -> Listing:
    """What a data set of a kind lists, each image once.

    Raises:
        UserError: it is of another layout, or two splits list the same image.
    """
    listing = LAYOUTS[kind][0](root)
    listing.join_repeated(root)
    return listing


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
    listing, kept = read_annotated(kind, root), Kept()
    reader = partial(letterboxed, size=image_size)
    annotation_filter = AnnotationFilter(listing, lambda file: kept(file, reader))
    count = sum(map(len, listing.parts.values())) + sum(map(len, listing.skipped.values()))
    sound = {name: annotation_filter.images(listed) for name, listed in listing.parts.items()}
    parts = three_parts(root, sound, partial(shuffled, what="sound images", why=_why(listing)))
    classes, lost = _classes(listing, parts["train"])
    splits = {
        name: Split(
            Stored(_files(listed), (3, image_size, image_size), reader, normalized, kept),
            _labels(listed, classes, image_size),
        )
        for name, listed in parts.items()
    }
    for name, split in splits.items():
        if not (split.targets[..., 0] >= 0).any():
            raise UserError(f"{root} has no sound box in {name}, {len(split.labels)} images{_why(listing)}")
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
        notes=_notes(root, count, parts, annotation_filter, lost),
        anchors=find_anchors(rows[rows[:, 0] >= 0][:, 1:]),
    )


def _files(listed: list[Annotated]) -> list[str]:
    return [str(annotated.image) for annotated in listed]


def _classes(listing: Listing, train: list[Annotated]) -> tuple[list[str], list[str]]:
    """The classes with boxes in train, in order, and the listed ones without any."""
    seen = {box.name for annotated in train for box in annotated.boxes}
    listed = listing.classes if listing.classes is not None else sorted(seen)
    return [name for name in listed if name in seen], [name for name in listed if name not in seen]


def _labels(listed: list[Annotated], classes: list[str], size: int) -> Tensor:
    """(N, M, 5) float32: rows of class, left, top, right, bottom; unused rows have class -1."""
    numbers = {name: number for number, name in enumerate(classes)}
    rows = []
    for annotated in listed:
        assert annotated.size is not None
        fit = fit_of(*annotated.size, size)
        scale = torch.tensor([fit.width / annotated.size[0], fit.height / annotated.size[1]] * 2)
        offset = torch.tensor([fit.left, fit.top] * 2)
        known = [box for box in annotated.boxes if box.name in numbers]
        corners = torch.tensor([box[1:] for box in known], dtype=torch.float32).reshape(-1, 4) * scale + offset
        kinds = torch.tensor([[float(numbers[box.name])] for box in known]).reshape(-1, 1)
        rows.append(torch.cat([kinds, corners], dim=1))
    labels = torch.tensor(NO_BOX).repeat(len(rows), max([1, *map(len, rows)]), 1)
    for place, row in enumerate(rows):
        labels[place, : len(row)] = row
    return labels


def _why(listing: Listing) -> str:
    odd = [*chain(*listing.skipped.values(), *listing.dropped.values())]
    return f": {summarize(odd)}" if odd else ""


def _notes(
    root: Path, count: int, parts: dict[str, list[Annotated]], annotation_filter: AnnotationFilter, lost: list[str]
) -> list[str]:
    listed = [annotated for part in parts.values() for annotated in part]
    seen = {box.name for annotated in parts["train"] for box in annotated.boxes}
    known = seen if annotation_filter.listing.classes is None else seen & set(annotation_filter.listing.classes)
    strange = [box.name for annotated in listed for box in annotated.boxes if box.name not in known]
    empty = sum(not annotated.boxes for annotated in listed)
    listing = annotation_filter.listing
    notes = []
    if skipped := [*chain(*listing.skipped.values())]:
        notes.append(f"of {root}, {count:,} images, {len(skipped):,} files are skipped: {summarize(skipped)}")
    if dropped := [*chain(*listing.dropped.values())]:
        notes.append(f"of {root}, {len(dropped):,} boxes are left out: {summarize(dropped)}")
    if strange:
        names = ", ".join(sorted(set(strange)))
        notes.append(f"of {root}, {len(strange):,} boxes are of classes that train has none of, and left out: {names}")
    if lost:
        notes.append(f"{root} lists classes that train has no box of; they are not learned: {', '.join(lost)}")
    if annotation_filter.cut:
        notes.append(
            f"{len(annotation_filter.cut):,} boxes of {root} reach outside their image and are cut at its edge"
        )
    if empty:
        notes.append(f"{empty:,} of {len(listed):,} images of {root} have no box")
    return notes
