"""Checks of a user's own task when it is loaded, so that its errors show before hours of training."""

from __future__ import annotations

import json
import math
from typing import Any, get_args

import torch
from torch import Tensor

from edgesynth.errors import UserError
from edgesynth.importing import quoted
from edgesynth.tasks.classification.classification import Classification
from edgesynth.tasks.images.stored import Stored, form
from edgesynth.tasks.task import Split, Task, Teaching

MAKE = "make it with edgesynth.Classification(name, train, validation, load_test, labels)"
MOST_ZOOM = 4.0
MOST_PERCENT = 100.001  # a mean of float32 may be above 100 in its last bits


def check_task(task: Any, name: str) -> None:
    """Check all three splits, the loss and the metric of a task.

    The test split is read for its form and dropped; no network sees it.

    Args:
        task: what a user's function returned.
        name: what messages call it.

    Raises:
        UserError: the first thing that is wrong, in one line.
    """
    if not isinstance(task, Task):
        raise UserError(f"the task {name} returned a value of type {type(task).__name__}; {MAKE}")
    if len(task.labels) < (least := 2 if isinstance(task, Classification) else 1):
        raise UserError(f"the task {name} names {len(task.labels)} classes in labels; at least {least} are needed")
    if not 1 <= task.max_zoom <= MOST_ZOOM:
        raise UserError(
            f"the task {name} has max_zoom {task.max_zoom:g}; give 1 for none, or a factor up to {MOST_ZOOM:g}"
        )
    _check_class(name, task)
    _check_split(name, "train", task.train, task)
    _check_plain(name, task)
    _check_split(name, "validation", task.validation, task)
    try:
        test = task.load_test()
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"the task {name}: load_test() raised {quoted(error)}") from error
    _check_split(name, "test", test, task)
    _check_figures(name, task)


def _check_class(name: str, task: Task) -> None:
    """Check the class attributes that a task must set; Python does not require them."""
    if not isinstance(getattr(task, "metric_name", None), str):
        raise UserError(f"the task {name} has no metric_name; give its class one, such as 'accuracy'")
    if (teaching := getattr(task, "teaching", None)) not in get_args(Teaching):
        allowed = ", ".join(map(repr, get_args(Teaching)))
        raise UserError(f"the task {name} has teaching {teaching!r}; give its class one of {allowed}")
    decoding = getattr(task, "decoding", None)
    if not (isinstance(decoding, dict) and isinstance(decoding.get("form"), str)):
        raise UserError(
            f"the task {name} has decoding {decoding!r}; give its class a dict such as {{'form': 'logits'}}"
        )


def _check_plain(name: str, task: Task) -> None:
    """Check the fields that are written into JSON files."""
    for what, value in (("labels", list(task.labels)), ("preprocessing", task.preprocessing)):
        try:
            json.dumps(value)
        except (TypeError, ValueError) as error:
            raise UserError(
                f"the task {name} has {what} that JSON cannot hold ({error}); give plain strings, numbers and lists, "
                "such as str(label) or mean.tolist()"
            ) from error
    channels, _, _ = task.input_shape
    for step in ("mean", "std"):
        given = task.preprocessing.get(step, [0.0] * channels)
        numbers = isinstance(given, list | tuple) and all(isinstance(number, int | float) for number in given)
        if not numbers or len(given) not in (1, channels):
            raise UserError(
                f"the task {name} has {step} {given!r} in its preprocessing; give a list of one number for each of its "
                f"{channels} channels"
            )


def _check_split(name: str, part: str, split: Any, task: Task) -> None:
    where = f"the task {name}: {part}"
    if not (isinstance(split, Split) and all(isinstance(stack, Tensor | Stored) for stack in split)):
        raise UserError(f"{where} is no Split of two tensors; give edgesynth.Split(images, labels)")
    images, labels = split
    if len(images.shape) != 4 or (isinstance(images, Tensor) and images.dtype != torch.float32):
        raise UserError(f"{where} images are {form(images)}; they must be (N, C, H, W) of float32, normalized")
    if isinstance(labels, Tensor) and labels.numel() and (wrong := task.check_labels(labels)):
        raise UserError(f"{where} labels {wrong}")
    if len(images) != len(labels):
        raise UserError(f"{where} has {len(images)} images and {len(labels)} labels; each image needs one")
    if not len(images) or not all(images.shape):
        raise UserError(f"{where} is empty, {form(images)}; every split needs at least one image")
    if images.shape[1:] != task.train.images.shape[1:]:
        raise UserError(
            f"{where} images are {form(images)} and those of train {form(task.train.images)}; "
            "all images must have one shape"
        )
    if isinstance(images, Tensor) and not bool(torch.isfinite(images).all()):
        raise UserError(f"{where} images hold nan or infinity; look at how they are normalized")


def _check_figures(name: str, task: Task) -> None:
    """Check loss and metric on outputs that are all zero, and on perfect outputs."""
    labels = task.validation.targets
    try:
        perfect = task.perfect_outputs(labels)
    except Exception as error:
        raise UserError(f"the task {name}: its right answers raised {quoted(error)}") from error
    for kind, outputs in (("all outputs zero", torch.zeros_like(perfect)), ("outputs that are all right", perfect)):
        try:
            loss, metric = task.loss(outputs, labels), task.metric(outputs, labels)
        except Exception as error:
            raise UserError(f"the task {name}: with {kind}, its loss or metric raised {quoted(error)}") from error
        if not (isinstance(loss, Tensor) and loss.numel() == 1 and math.isfinite(loss.item())):
            raise UserError(f"the task {name}: its loss of {kind} is {loss}; it must be one finite number, as a tensor")
        if not (isinstance(metric, float | int) and math.isfinite(metric)):
            raise UserError(
                f"the task {name}: its metric of {kind} is {metric}; it must be a finite number, as a float"
            )
    # The last of them.
    _check_percent(f"the task {name}: its metric of {kind} is {metric:g}; percent are wanted", metric)


def _check_percent(where: str, most: float) -> None:
    """Check that a metric is in percent: its value on perfect outputs is about 100, and that of a share is 1.

    Perfect outputs of a detector may score less than 100, where two boxes fall into one cell.
    """
    if most <= 1:
        raise UserError(f"{where}, so that it is near 100: if it is a share from 0 to 1, multiply it by 100")
    if most > MOST_PERCENT:
        raise UserError(f"{where}, at most 100, because floors and losses are points of a hundred")
