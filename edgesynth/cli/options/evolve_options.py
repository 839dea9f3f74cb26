"""The options of `edgesynth evolve`: one for each field of `Config`, and the headings that they stand under."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin

import click
from pydantic.fields import FieldInfo

from edgesynth.config import INTERNAL, Config, default_of

# What `--help` shows.
COMMON = (
    "ancestor",
    "weights",
    "ancestor_epochs",
    "task",
    "data_root",
    "image_size",
    "max_macs",
    "max_synapses",
    "board",
    "max_latency_ms",
    "speedup",
    "min_accuracy",
    "max_loss",
    "generations",
    "path",
    "resume",
)
# What `--help-all` shows, controls and experiments last. A field that is named nowhere stands with the one before it.
HEADINGS = {
    "Network and data": ("ancestor", "task", "weights", "data_root", "image_size", "class_weights"),
    "The run": (
        "path",
        "config_file",
        "resume",
        "executor",
        "ray_address",
        "gpus_per_offspring",
        "threads",
        "seed",
        "as_json",
        "verbose",
        "quiet",
        "debug",
        "help_all",
    ),
    "Budgets, and the floor of accuracy": (
        "min_accuracy",
        "max_loss",
        "objective",
        "max_synapses",
        "max_clusters",
        "max_macs",
        "max_params",
        "max_bytes",
        "max_latency_ms",
        "speedup",
        "max_latency",
        "min_images_per_joule",
    ),
    "The board": ("board", "board_precision", "measure_on", "measure_duration_s", "docker", "remote_python", "opset"),
    "Generations: how many, how small, which continue": (
        "generations",
        "offspring",
        "keep",
        "keep_clusters",
        "parents",
        "mating",
        "quorum",
        "selection",
        "proxy_epochs",
        "survivors",
        "patience",
    ),
    "Synthesis: which clusters and synapses an offspring has": (
        "strength",
        "allocation",
        "branches",
        "round_to",
        "temperature",
        "variation",
    ),
    "Precision": ("precision", "layer_precision"),
    "Training": (
        "ancestor_epochs",
        "epochs",
        "final_epochs",
        "batch_size",
        "learning_rate",
        "weight_decay",
        "distillation",
        "distillation_temperature",
        "feature_distillation",
        "ema",
        "inheritance",
        "final_inheritance",
        "reestimate",
        "device",
        "autocast",
    ),
    "Controls, for experiments": (
        "encoding",
        "environment",
        "normalizer",
        "precision_at",
        "stress",
        "stress_factor",
        "stress_tail",
    ),
    "Experimental: generative synthesis": ("strategy", "search", "probes", "probe_epochs"),
}


def config_options(function: Callable[..., None]) -> Callable[..., None]:
    """Add an option for each field of `Config`; `Config` itself checks the bounds."""
    for name, field in reversed([item for item in Config.model_fields.items() if item[0] not in INTERNAL]):
        kind, words = _type(field)
        default = "" if default_of(name) is None else f"  [default: {default_of(name)}]"
        help_text = f"{field.description}{': ' + ' or '.join(words) if words else ''}{default}"
        option = f"--{name.replace('_', '-')}"
        spelled = f"{option}/--no-{option[2:]}" if kind is bool else option
        function = click.option(spelled, name, type=kind, default=None, help=help_text)(function)
    return function


def _type(field: FieldInfo) -> tuple[Any, tuple[str, ...]]:
    """The click type of a field, and its words where it is a choice."""
    kind = _when_set(field.annotation)
    if choices := [option for option in get_args(kind) if get_origin(option) is Literal]:
        words = get_args(choices[0])  # or a class of the user's, or a number, as the description says
        return str, words if len(words) > 1 else ()
    if get_origin(kind) is Literal:
        return str, get_args(kind)
    return (click.Path(path_type=Path) if kind is Path else kind), ()


def _when_set(annotation: Any) -> Any:
    """What a value is where it is set: `int` of `int | None`."""
    options = get_args(annotation)
    return next(option for option in options if option is not NoneType) if NoneType in options else annotation
