"""Tasks: data, loss, metric and preprocessing. Adding one means adding a file and a line to `TASKS`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from edgesynth.errors import UserError
from edgesynth.object_registry import is_registered
from edgesynth.tasks.classification.cifar10 import cifar10
from edgesynth.tasks.classification.classification import Classification
from edgesynth.tasks.classification.digits import digits
from edgesynth.tasks.classification.imagefolder import imagefolder
from edgesynth.tasks.classification.mnist import mnist
from edgesynth.tasks.classification.stl10 import stl10
from edgesynth.tasks.classification.svhn import svhn
from edgesynth.tasks.datasets.folder import IMAGE_SIZE
from edgesynth.tasks.detection import Detection, boxes_task
from edgesynth.tasks.images.stored import Stored
from edgesynth.tasks.own.importing import import_task
from edgesynth.tasks.own.in_process import register_task, registered_task
from edgesynth.tasks.saliency import Saliency, masks
from edgesynth.tasks.segmentation import Segmentation, camvid, voc_segmentation
from edgesynth.tasks.task import Split, Task, Teaching

LOG = logging.getLogger(__name__)

TASKS: dict[str, Callable[[Path | None], Task]] = {
    "cifar10": cifar10,
    "digits": digits,
    "mnist": mnist,
    "stl10": stl10,
    "svhn": svhn,
}
# Folders of the user's, whose images are brought to one size.
SIZED: dict[str, Callable[[Path | None, int], Task]] = {
    "imagefolder": imagefolder,
    "masks": masks,
    "camvid": camvid,
    "voc-segmentation": voc_segmentation,
    **{kind: boxes_task(kind) for kind in ("voc", "kitti", "coco")},
}
ClassWeights = Literal["none", "median-frequency"]

__all__ = [
    "IMAGE_SIZE",
    "TASKS",
    "ClassWeights",
    "Classification",
    "Detection",
    "Saliency",
    "Segmentation",
    "Split",
    "Stored",
    "Task",
    "Teaching",
    "folder_of",
    "load_task",
    "placeless",
    "register_task",
]


def load_task(
    name: str, data_root: Path | None = None, image_size: int = IMAGE_SIZE, class_weights: ClassWeights = "none"
) -> Task:
    """Build a task by name.

    Args:
        name: of a task that comes with edgesynth, such as `digits`, `cifar10:DIR` or `masks:DIR`; or
            `package.module:callable`, which returns one; or what `register_task` returned.
        data_root: folder of its data, where the name does not give it.
        image_size: side of its images, pixels; another than the default where it can be chosen alone.
        class_weights: in the loss: all alike, or the rarer a class the more.

    Raises:
        UserError: there is no task of that name, its data are missing or damaged, a user's task is not sound, or its
            loss knows no weights, or its images have one size and another is given.
    """
    task = _named(name, data_root, image_size)
    sizes = len(task.train.labels), len(task.validation.labels)
    LOG.info("read the data of %s: %d images to train on, %d to select by", name, *sizes)
    return task if class_weights == "none" else task.weighted()


def placeless(name: str) -> str:
    """A task's name without the folder of its data: `imagefolder` of `imagefolder:photos`."""
    kind = name.partition(":")[0]
    return kind if kind in SIZED or kind in TASKS else name


def folder_of(name: str, data_root: Path | None = None) -> Path | None:
    """The folder of a task's data, by its name or beside it; None where neither says."""
    kind, _, folder = name.partition(":")
    return Path(folder).expanduser() if folder and placeless(name) == kind else data_root and data_root.expanduser()


def _named(name: str, data_root: Path | None, image_size: int) -> Task:
    kind, _, folder = name.partition(":")
    if image_size != IMAGE_SIZE and (is_registered(name) or kind in TASKS):
        what = "a task that is given ready made" if is_registered(name) else f"the task {kind}"
        raise UserError(f"--image-size is {image_size} and the images of {what} have one size; leave it out")
    if is_registered(name):
        return registered_task(name)
    if kind not in SIZED and kind not in TASKS:
        if ":" in name:
            return import_task(name, data_root, image_size)
        known = ", ".join([*sorted(TASKS), *(f"{kind}:DIR" for kind in SIZED)])
        raise UserError(
            f"there is no task {name!r}; the tasks are {known}, and package.module:callable for one of your own"
        )
    if folder and data_root is not None:
        raise UserError(f"--task {name} names its folder and --data-root is {data_root}; give one of them")
    if folder and kind == "digits":
        raise UserError(
            f"--task {name} names a folder; digits come with scikit-learn and need no folder: --task digits"
        )
    root = folder_of(name, data_root)
    return SIZED[kind](root, image_size) if kind in SIZED else TASKS[kind](root)
