"""ECSSD saliency: 48x fewer synapses by the papers' generation 4, F-beta within 0.02 of the ancestor's (paper 1).

    python -m benchmarks.saliency_ecssd.run --data-root DIR

DIR holds images/*.jpg and masks/*.png; of its 1,000 pairs 700 train, 100 select and 200 test. The paper counts its
ancestor as generation 1, so that its generation 4 is the third of offspring here. What removal takes and what sparsity
is left in the removed network are told apart. Two sizes, by whether there is a GPU: `small` (saliency-medium, 64x64)
for two CPU cores, `large` (saliency-vgg16, 224x224).

Resumable: finished runs are taken from result.json beside this script (unless --again), killed ones go on in
--runs. With --trial, the settings are tiny, the JSON goes to --runs and the table is only printed.
"""

from __future__ import annotations

import math
from typing import Any

import torch

from benchmarks.shared.lineages import ANCESTOR, device, figures, machine, synapses_of
from benchmarks.shared.results import Results, options
from edgesynth.anatomy import Census
from edgesynth.lineage import Run

NAME = "saliency_ecssd"
TIMES = 48  # fewer synapses
BOUND_POINTS = 2.0  # of F-beta, in percent, that the last may lose on test
SETTINGS: dict[str, Any] = {
    "task": "masks",
    "encoding": "cluster",
    "strength": "taylor",
    "keep": 0.27,
    "keep_clusters": 0.75,
    "generations": 3,
    "offspring": 1,
    "min_accuracy": 0.0,
}
SIZES: dict[str, dict[str, Any]] = {
    "small": {
        "ancestor": "saliency-medium",
        "image_size": 64,
        "batch_size": 16,
        "ancestor_epochs": 50,
        "epochs": 15,
        "final_epochs": 80,
    },
    "large": {
        "ancestor": "saliency-vgg16",
        "image_size": 224,
        "batch_size": 16,
        "learning_rate": 5e-4,
        "ancestor_epochs": 120,
        "epochs": 30,
        "final_epochs": 200,
    },
}
TRIAL = {"image_size": 32, "batch_size": 64, "ancestor_epochs": 2, "epochs": 1, "final_epochs": 2}


def main() -> None:
    """Breed what is missing, write the results."""
    parser = options(__doc__, NAME, "folder that holds images and masks")
    parser.add_argument("--size", choices=list(SIZES), help="large where there is a GPU, else small")
    arguments = parser.parse_args()
    size = arguments.size or ("large" if torch.cuda.is_available() else "small")
    given = {**SETTINGS, **SIZES[size], **(TRIAL if arguments.trial else {})}
    given["max_synapses"] = synapses_of(given["ancestor"], 1) // TIMES
    results = Results(NAME, arguments)
    for seed in arguments.seeds:
        key = f"{size}, seed {seed}"
        if not results.missing(key, given):
            continue
        run = results.bred(key, given, seed=seed, data_root=arguments.data_root)
        row = {"seed": seed, "machine": machine(), "device": device(), "metric": "F-beta", **figures(run)}
        results.keep(key, given, {**row, **apart(run)})
    results.publish(table)


def apart(run: Run) -> dict[str, Any]:
    """What removal has taken, what sparsity is left, and the mean absolute error of both."""
    best = run.outcome()["best"]
    ancestor, offspring = run.record(ANCESTOR).census, run.record(best).census
    return {
        "removed_ratio": dense(ancestor) / dense(offspring),
        "sparsity_percent": 100 * (1 - offspring.synapses / dense(offspring)),
        "ancestor_mae": run.extra_metrics()[ANCESTOR]["MAE"],
        "mae": run.extra_metrics()[best]["MAE"],
        "within_budget": offspring.synapses <= (run.config.max_synapses or 0),
    }


def dense(census: Census) -> int:
    """Weights of the layers that removal leaves, dead ones included."""
    return sum(math.prod(layer.shape) for layer in census.layers)


def table(document: dict[str, Any]) -> str:
    """Markdown of the results."""
    lines = [
        "| run | network, image side | test F-beta (ancestor) | MAE (ancestor) | synapses | by removal alone "
        "| zeros left in it | MACs | the paper's generation | shown | evolution (ancestor) | trained on |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
        "| paper 1, MSRA-B (F-beta not recovered) | VGG-16's | | | 48x fewer | | | | 4 | | | |",
    ]
    for key, run in document["runs"].items():
        after, before = run["test_accuracy_percent"] / 100, run["ancestor_test_accuracy_percent"] / 100
        lines.append(
            f"| {key} | {run['options']['ancestor']}, {run['options']['image_size']} | **{after:.4f}** ({before:.4f}) "
            f"| {run['mae']:.4f} ({run['ancestor_mae']:.4f}) "
            f"| **{run['synaptic_efficiency']:.1f}x** fewer ({run['synapses']:,}) | {run['removed_ratio']:.1f}x fewer "
            f"| {run['sparsity_percent']:.1f} % | {run['macs_ratio']:.1f}x fewer | {run['generations'] + 1} "
            f"| {'yes' if reached(run) else 'no'} | {run['evolution_s']:.0f} s ({run['ancestor_s']:.0f} s) "
            f"| {run['device']} |"
        )
    return "\n".join(lines)


def reached(run: dict[str, Any]) -> bool:
    """Whether a run shows what is asked for."""
    lost = run["ancestor_test_accuracy_percent"] - run["test_accuracy_percent"]
    return run["synaptic_efficiency"] >= TIMES and run["generations"] <= 3 and lost <= BOUND_POINTS


if __name__ == "__main__":
    main()
