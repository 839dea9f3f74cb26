"""The ablation's rows: what each changes about the first calibrated one, within the same epochs in all."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Study:
    """One ancestor under one budget.

    Attributes:
        epochs: of every row, in all, at most.
        common: options of every row.
        rows: {row: options that it changes}.
        dense: {control: whether the ancestor teaches it}.
        seeds: source of every random draw, one after another.
    """

    epochs: int
    common: dict[str, Any]
    rows: dict[str, dict[str, Any]]
    seeds: tuple[int, ...]
    dense: dict[str, bool] = field(default_factory=lambda: {"dense": False, "dense, taught": True})


MNIST_COMMON: dict[str, Any] = {
    "ancestor": "lenet5",
    "task": "mnist",
    "ancestor_epochs": 20,
    "learning_rate": 5e-3,
    "encoding": "cluster",
    "strength": "magnitude",
    "keep": 0.5,
    "keep_clusters": 0.5,
    "max_synapses": 430_500 // 125,
    "max_clusters": int(580 / 9.71),
    "generations": 7,
    "offspring": 1,
    "epochs": 2,  # of six generations, and 28 of the last: 40
    "final_epochs": 28,
    "distillation": 0.0,
    "min_accuracy": 0.0,
}
TWO = {"offspring": 2, "epochs": 1, "final_epochs": 14}  # two siblings share the epochs of one
MNIST_ROWS: dict[str, dict[str, Any]] = {
    "random masks": {"strength": "random"},
    "faithful": {"environment": "faithful", "keep": 0.95, "keep_clusters": 0.95},
    "calibrated": {},
    "+ norm": {"strength": "norm"},
    "+ lamp": {"strength": "lamp"},
    "+ fisher": {"strength": "fisher"},
    "+ taylor": {"strength": "taylor"},
    "+ taylor, allocation by budgets": {"strength": "taylor", "allocation": "budgets"},
    "+ stress": {"stress": "both"},
    "+ decay (control of stress)": {"stress": "decay"},
    "+ distillation": {"distillation": 0.5},
    "+ two siblings (control of mating)": TWO,
    "+ mating": {**TWO, "parents": 2},
    "generative": {
        "strategy": "generative",
        "generations": 6,
        "probes": 4,
        "epochs": 1,
        "final_epochs": 11,
        "min_accuracy": 96.0,  # its score pays for shrinking below the budgets: without a floor it gives accuracy away
    },
    "fisher, distillation": {"strength": "fisher", "distillation": 0.5},
    "fisher, distillation, stress": {"strength": "fisher", "distillation": 0.5, "stress": "both"},
}

RESNET_COMMON: dict[str, Any] = {
    "ancestor": "resnet20",
    "task": "imagefolder",
    "image_size": 32,
    "ancestor_epochs": 0,
    "encoding": "cluster",
    "strength": "magnitude",
    "allocation": "macs",
    "keep": 1.0,
    "keep_clusters": 0.93,
    "max_macs": 19_310_019,  # 2.1x fewer
    "generations": 4,
    "offspring": 1,
    "epochs": 1,  # of three generations, and 3 of the last: 6
    "final_epochs": 3,
    "distillation": 0.0,
    "min_accuracy": 0.0,
}
# What cuts other clusters, or has fewer generations, needs larger steps to the same budget: the generator's first cycle
# may go all the way.
RESNET_TAYLOR: dict[str, Any] = {"strength": "taylor", "keep_clusters": 0.92}
RESNET_TWO: dict[str, Any] = {"generations": 2, "keep_clusters": 0.88}
RESNET_ROWS: dict[str, dict[str, Any]] = {
    "faithful": {"environment": "faithful", "allocation": "strength", "keep_clusters": 0.95},
    "calibrated": {},
    "+ norm": {"strength": "norm"},
    "+ taylor": {**RESNET_TAYLOR},
    "+ stress": {"stress": "clusters"},
    "+ distillation": {"distillation": 0.5},
    "+ mating": {**RESNET_TWO, "keep_clusters": 0.87, "offspring": 2, "parents": 2, "final_epochs": 2},
    "generative": {**RESNET_TWO, "strategy": "generative", "keep": 0.05, "probes": 2, "final_epochs": 1},
    "taylor, distillation": {**RESNET_TAYLOR, "distillation": 0.5},
}

STUDIES = {
    "mnist": Study(40, MNIST_COMMON, MNIST_ROWS, (0, 1, 2)),
    "resnet20": Study(6, RESNET_COMMON, RESNET_ROWS, (0,)),
}
