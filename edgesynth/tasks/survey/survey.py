"""Survey of a folder: its layout, every image and box, and whether its task can be built."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgesynth.errors import UserError
from edgesynth.tasks import load_task
from edgesynth.tasks.classification.classification import Classification
from edgesynth.tasks.classification.imagefolder import images_below
from edgesynth.tasks.datasets.summarize import summarize
from edgesynth.tasks.images.pixels import UnreadableError
from edgesynth.tasks.images.stored import Stored
from edgesynth.tasks.survey.boxes import HAVE_BOXES, look_at_boxes
from edgesynth.tasks.survey.images import look
from edgesynth.tasks.survey.layouts import LAYOUTS, is_mask, recognized
from edgesynth.tasks.task import Split, Task


@dataclass
class Survey:
    """What a survey found in a folder.

    Attributes:
        folder: the folder.
        layout: what it looks like, in words; empty if it is of no known layout.
        task: what to give as `--task`; empty likewise.
        images: image files that were looked at.
        broken: {what is wrong: where}.
        converted: {what is out of the ordinary: files}; these are used all the same.
        boxes: {class: boxes that training uses}, of detection; of every class where the task could not be built.
        splits: {split: {class: images}}, where the task could be built; of no classification, {"images": their number}.
        notes: what the task tells of its data.
        obstacles: why it cannot be trained on; empty if it can.
    """

    folder: Path
    layout: str = ""
    task: str = ""
    images: int = 0
    broken: dict[str, list[str]] = field(default_factory=dict)
    converted: dict[str, list[str]] = field(default_factory=dict)
    boxes: dict[str, int] = field(default_factory=dict)
    splits: dict[str, dict[str, int]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    obstacles: list[str] = field(default_factory=list)

    @property
    def usable(self) -> bool:
        """Whether it can be trained on as it is."""
        return not self.obstacles

    def to_json(self) -> dict[str, Any]:
        """Plain values, all files by name."""
        return {**vars(self), "folder": str(self.folder), "usable": self.usable}


def survey(folder: Path, image_size: int = 64) -> tuple[Survey, Task | None]:
    """Survey a folder of data; every image is read.

    Args:
        folder: the folder.
        image_size: side that images are brought to, pixels.

    Returns:
        What was found, and the task, if it can be built.

    Raises:
        UserError: there is no such folder.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder; give the one that holds the data")
    findings = Survey(folder)
    unreadable = _look_at_images(findings)
    layout = recognized(folder)
    if layout is None:
        known = "; ".join(layout.words for layout in LAYOUTS)
        findings.obstacles.append(f"{folder} holds {findings.images:,} images in no known layout; known are {known}")
        return findings, None
    findings.layout, findings.task = layout.words, f"{layout.task}:{folder}"
    task = _tried(findings, image_size, unreadable)
    if layout.task in HAVE_BOXES:
        with suppress(UserError):  # the task refuses the same, in the same words
            findings.boxes, wrong = look_at_boxes(layout.task, folder, unreadable, task.labels if task else None)
            findings.broken = {**wrong, **findings.broken}
    return findings, task


def _look_at_images(findings: Survey) -> dict[str, str]:
    """Survey every image; {file: why} of those that cannot be read."""
    unreadable = {}
    for file in map(Path, images_below(findings.folder)):
        findings.images += 1
        try:
            kinds = look(file)
            for kind in [] if is_mask(file, findings.folder) else kinds:
                findings.converted.setdefault(kind, []).append(str(file))
        except UnreadableError as error:
            unreadable[str(file)] = str(error)
    if unreadable:
        findings.broken["image cannot be read"] = list(unreadable.values())
    return unreadable


def _tried(findings: Survey, image_size: int, unreadable: dict[str, str]) -> Task | None:
    """The task, built as for `evolve`; an error is noted as an obstacle, and None returned."""
    try:
        task = load_task(findings.task, None, image_size)
        parts = {"train": task.train, "validation": task.validation, "test": task.load_test()}
    except UserError as error:
        findings.obstacles.append(str(error))
        return None
    findings.notes = list(task.notes)
    told = {line for lines in findings.broken.values() for line in lines}
    if others := [line for line in task.skipped if line not in told]:
        findings.broken["left out"] = others
    on_disk = _on_disk(parts.values())
    if met := [why for file, why in unreadable.items() if file in on_disk]:
        findings.obstacles.append(f"training would stop at {summarize(met)}; take them away")
    findings.splits = {name: _counts(task, part) for name, part in parts.items()}
    return task


def _on_disk(parts: Iterable[Split]) -> set[str]:
    """Files that are read during training."""
    return {file for part in parts for stack in part if isinstance(stack, Stored) for file in stack.files}


def _counts(task: Task, split: Split) -> dict[str, int]:
    if not isinstance(task, Classification):
        return {"images": len(split.labels)}
    counts = Counter(split.targets.tolist())
    return {name: counts[label] for label, name in enumerate(task.labels)}
