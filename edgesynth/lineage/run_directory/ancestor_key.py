"""What an ancestor is a function of: runs that differ in other options have the very same one.

Where data and weights lie is no part of it: the same are found by another path, and told from others by what they hold.
"""

from __future__ import annotations

from typing import Any

from edgesynth.config import Config
from edgesynth.lineage.storage.sealed import digest
from edgesynth.tasks import placeless

ANCESTOR_OPTIONS = (
    "ancestor",
    "task",
    "weights",
    "data_root",
    "image_size",
    "class_weights",
    "ancestor_epochs",
    "batch_size",
    "learning_rate",
    "weight_decay",
    "ema",
    "rewinds",
    "strategy",
    "device",
    "autocast",
    "threads",
    "seed",
)
FIGURES = ("board", "board_facts", "board_precision", "measure_on", "measure_duration_s", "opset")
LATER = ("board_facts", "max_latency", "objective", "vector_floats")
PLACES = ("data_root", "weights")


def ancestor_key(config: Config) -> dict[str, Any]:
    """Everything that an ancestor is a function of; branches that may die are named in its genome."""
    branches = {"branches": True} if config.branches else {}
    return {**{name: getattr(config, name) for name in ANCESTOR_OPTIONS}, **branches}


def bred_by(config: Config, generation: int) -> str:
    """sha256 of the options that an individual of a generation is a function of; the ancestor is of few."""
    if generation == 0:
        return digest(_placeless(ancestor_key(config)))
    # A run without facts of a machine is what it was before there were any.
    options = config.model_dump(mode="json")
    for name in LATER:
        if options[name] == Config.model_fields[name].default:
            del options[name]  # a run without it is what it was before there was such an option
    return digest(_placeless(options))


def _placeless(options: dict[str, Any]) -> dict[str, Any]:
    rest = {name: value for name, value in options.items() if name not in PLACES}
    return {**rest, "task": placeless(options["task"]), "weights": options["weights"] is not None}


def has_same_ancestor(config: Config, other: Config) -> bool:
    """Whether two runs have the same ancestor, with the same figures of a board beside it.

    What their data and the weights that the ancestor began with hold is not asked.
    """
    same_figures = all(getattr(config, name) == getattr(other, name) for name in FIGURES)
    return same_figures and _placeless(ancestor_key(config)) == _placeless(ancestor_key(other))


def differing(config: Config, other: Config) -> list[str]:
    """Names of the options in which two runs differ, but for where their data and weights lie."""
    before, now = (_placeless(options.model_dump()) for options in (config, other))
    return [name for name in now if before[name] != now[name]]
