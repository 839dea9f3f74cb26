"""What an ancestor is a function of: runs that differ in other options have the very same one."""

from __future__ import annotations

from typing import Any

from edgesynth.config import Config

ANCESTRAL = (
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
FIGURES = ("board", "board_precision", "measure_on", "measure_duration_s", "opset")


def ancestral(config: Config) -> dict[str, Any]:
    """Everything that an ancestor is a function of."""
    return {name: getattr(config, name) for name in ANCESTRAL}


def has_same_ancestor(config: Config, other: Config) -> bool:
    """Whether two runs have the same ancestor, with the same figures of a board beside it."""
    same_figures = all(getattr(config, name) == getattr(other, name) for name in FIGURES)
    return same_figures and ancestral(config) == ancestral(other)
