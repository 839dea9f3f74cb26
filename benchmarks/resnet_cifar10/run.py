"""ResNet-20 and ResNet-56 on CIFAR-10 images: accuracy against MACs, beside Torch-Pruning's group-norm pruner.

    python -m benchmarks.resnet_cifar10.run --data-root DIR --weights FILE.safetensors [--network resnet56]

DIR holds train/CLASS/*.jpg and test/CLASS/*.jpg; FILE the weights of an ancestor that is trained on them. At each ratio
of MACs, our lineage and Torch-Pruning start from that ancestor, with the same epochs in all and the same augmentation.
Torch-Pruning learns sparsely for half of them (once for all its rows); what it leaves is fine-tuned once by its own
recipe, without a teacher, and once by our last training, with the ancestor as teacher.

Resumable: finished rows are taken from result.json beside this script (unless --again), killed runs of ours go
on in --runs, where the sparsely learned weights lie too. With --trial the JSON goes to --runs and the table is only
printed.
"""

from __future__ import annotations

import argparse
import math
import time
from itertools import product
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from benchmarks.resnet_cifar10.peer import finetune, learn_sparsely, macs, pruned
from benchmarks.shared.lineages import ANCESTOR, curve, curve_table, device, epochs_of, machine, overhead_percent
from benchmarks.shared.results import Results, options
from edgesynth.ancestors import build_ancestor
from edgesynth.lineage import generator
from edgesynth.nurture import Recipe, Teacher, nurture, score
from edgesynth.tasks import Classification, load_task

NAME = "resnet_cifar10"
RATIOS = (2.1, 2.6)
SIZE = 32
OURS = "edgesynth"
METHODS = (OURS, "torch-pruning, its own recipe", "torch-pruning, our last training")
EPOCHS, STEP_EPOCHS = 10, 1  # in all, and of each generation but the last
# What a generation keeps of the clusters, and of the MACs, about. An epoch of ResNet-56 is dear until it is small.
SMALL_STEP = (0.94, 0.85)
STEPS = {"resnet56": (0.80, 0.56)}
SETTINGS: dict[str, Any] = {
    "encoding": "cluster",
    "strength": "taylor",
    "allocation": "macs",
    "keep": 1.0,
    "offspring": 1,
    "ancestor_epochs": 0,
    "min_accuracy": 0.0,
    "generations": 12,
    "task": "imagefolder",
    "image_size": SIZE,
}


def main() -> None:
    """Measure what is not there yet, write the results."""
    parser = options(__doc__, NAME, "folder that holds train/ and test/")
    parser.add_argument("--weights", required=True, help="the trained ancestor's")
    parser.add_argument("--network", default="resnet20", help="resnet20, resnet32, resnet44 or resnet56")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="epochs of each method in all")
    parser.add_argument("--ratios", type=float, nargs="+", default=list(RATIOS), help="ancestor's MACs over the goal")
    arguments = parser.parse_args()
    results, task = Results(NAME, arguments), load_task("imagefolder", arguments.data_root, SIZE)
    whole = macs(trained(arguments), torch.zeros(1, *task.input_shape))
    for seed, ratio, method in product(arguments.seeds, arguments.ratios, METHODS):
        key = f"{arguments.network}, {ratio:g}x, {method}, {arguments.epochs} epochs, seed {seed}"
        given = {"network": arguments.network, "method": method, "ratio": ratio, "epochs": arguments.epochs}
        if method == OURS:
            given["lineage"] = lineage(arguments.network, int(whole / ratio), ratio, arguments.epochs)
        if not results.missing(key, given):
            continue
        if method == OURS:
            figures = ours(results, key, given["lineage"], seed, arguments)
        else:
            figures = peer(task, int(whole / ratio), method, seed, arguments)
        row = {"seed": seed, "machine": machine(), "device": device(), **figures, "macs_ratio": whole / figures["macs"]}
        results.keep(key, given, row)
    results.publish(table)


def trained(arguments: argparse.Namespace) -> nn.Module:
    """The ancestor."""
    network = build_ancestor(arguments.network)
    network.load_state_dict(load_file(arguments.weights))
    return network.eval()


def lineage(network: str, most_macs: int, ratio: float, epochs: int) -> dict[str, Any]:
    """What ours is bred by: generations of a few epochs down to the budget, the rest of the epochs for the last."""
    keep_clusters, macs_kept = STEPS.get(network, SMALL_STEP)
    short = math.ceil(math.log(ratio) / -math.log(macs_kept)) - 1  # generations before the last
    given = {"ancestor": network, "max_macs": most_macs, "epochs": STEP_EPOCHS, "keep_clusters": keep_clusters}
    return {**SETTINGS, **given, "final_epochs": max(1, epochs - short * STEP_EPOCHS)}


def ours(results: Results, key: str, given: dict[str, Any], seed: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """Our lineage."""
    run = results.bred(key, given, seed=seed, data_root=arguments.data_root, weights=arguments.weights)
    best = run.record(run.outcome()["best"])
    return {
        "ancestor_test_accuracy_percent": run.tested()[ANCESTOR],
        "test_accuracy_percent": run.tested()[best.name],
        "macs": best.census.macs,
        "params": best.census.params,
        "epochs_used": sum(map(epochs_of, run.records())),
        "seconds": sum(run.measured(record.name)["breeding_s"] for record in run.records()),
        "overhead_percent": overhead_percent(run),
        "curve": curve(run),
    }


def peer(task: Classification, most_macs: int, method: str, seed: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """Torch-Pruning: half of the epochs of sparse learning, pruning, the other half of fine-tuning."""
    ancestor, images = trained(arguments), torch.zeros(1, *task.input_shape)
    start, learning = time.perf_counter(), arguments.epochs // 2
    small = pruned(sparse(task, learning, seed, arguments), images, most_macs)
    cost, tuning, draws = macs(small, images), arguments.epochs - learning, generator(seed, 1, 0, "tune")
    if method == METHODS[1]:
        finetune(small, task, tuning, draws)
    else:
        nurture(small, task, Recipe(tuning), draws, teacher=Teacher(ancestor, task))
    return {
        "ancestor_test_accuracy_percent": score(ancestor, task, task.load_test()),
        "test_accuracy_percent": score(small, task, task.load_test()),
        "macs": cost,
        "params": sum(parameter.numel() for parameter in small.parameters()),
        "epochs_used": arguments.epochs,
        "seconds": time.perf_counter() - start,  # without sparse learning
    }


def sparse(task: Classification, epochs: int, seed: int, arguments: argparse.Namespace) -> nn.Module:
    """The ancestor after sparse learning, from --runs if it lies there."""
    file = arguments.runs / f"{arguments.network}-sparse-{epochs}-{seed}.safetensors"
    network = trained(arguments)
    if file.is_file():
        network.load_state_dict(load_file(file))
        return network
    learn_sparsely(network, task, epochs, generator(seed, 0, 0, "sparse learning"))
    save_file({name: tensor.contiguous() for name, tensor in network.state_dict().items()}, file)
    return network


def table(document: dict[str, Any]) -> str:
    """Markdown of the results, then every generation of our lineages."""
    lines = [
        "| network | method | MACs | parameters | test accuracy (ancestor) | epochs | without nurture | seed "
        "| device |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    rows = document["runs"].values()
    for run in sorted(rows, key=lambda run: [run["options"][name] for name in ("network", "ratio", "method")]):
        given = run["options"]
        overhead = f"{run['overhead_percent']:.1f} %" if "overhead_percent" in run else ""
        lines.append(
            f"| {given['network']} | {given['method']} | {run['macs_ratio']:.2f}x fewer | {run['params']:,} "
            f"| **{run['test_accuracy_percent']:.2f} %** ({run['ancestor_test_accuracy_percent']:.2f} %) "
            f"| {run['epochs_used']} | {overhead} | {run['seed']} | {run['device']} |"
        )
    return "\n".join([*lines, "", curve_table(document["runs"])])


if __name__ == "__main__":
    main()
