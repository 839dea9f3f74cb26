"""AlexNet and ResNet-56 on CIFAR-10 images: papers 4 and 2, accuracy of every generation against its size.

    python benchmarks/classification_cifar10.py --data-root DIR
    python benchmarks/classification_cifar10.py --data-root DIR --networks resnet56 --weights FILE.safetensors

DIR holds train/CLASS/*.jpg and test/CLASS/*.jpg. Wanted: AlexNet with 40x fewer synapses at most 1 point below its
ancestor on test (StressedNets), bred under stress as there; ResNet-56's cluster efficiency against its accuracy, as
Evolution in Groups draws it, generation by generation, from the ancestor in FILE. Two sizes, by whether there is a GPU:
`small` trains for fewer epochs, of which the first take minutes each on a CPU core, `large` for as many as pay.

Resumable: finished runs are taken from classification_cifar10.json beside this script (unless --again), killed ones go
on in --runs. With --trial, the settings are tiny, the JSON goes to --runs and the table is only printed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from lineages import ANCESTOR, device, figures, machine
from results import Results, options

from edgesynth.ancestors import build_ancestor
from edgesynth.lineage import Run

NAME = "classification_cifar10"
TIMES = 40  # fewer synapses of AlexNet
BOUND_POINTS = 1.0  # of accuracy, that its last individual may lose on test
COMMON: dict[str, Any] = {
    "task": "imagefolder",
    "image_size": 32,
    "encoding": "cluster",
    "offspring": 1,
    "min_accuracy": 0.0,
}
NETWORKS: dict[str, dict[str, Any]] = {
    "alexnet-cifar": {
        "stress": "both",
        "keep": 0.5,
        "keep_clusters": 0.8,
        "generations": 8,
        "learning_rate": 1e-3,
    },
    "resnet56": {
        "strength": "taylor",
        "allocation": "macs",
        "keep": 1.0,
        "keep_clusters": 0.9,
        "generations": 8,
        "max_macs": 125_485_696 // 4,
    },
}
EPOCHS: dict[str, dict[str, dict[str, int]]] = {
    "small": {
        "alexnet-cifar": {"ancestor_epochs": 10, "epochs": 2, "final_epochs": 30},
        "resnet56": {"ancestor_epochs": 0, "epochs": 1, "final_epochs": 5},
    },
    "large": {
        "alexnet-cifar": {"ancestor_epochs": 60, "epochs": 10, "final_epochs": 60},
        "resnet56": {"ancestor_epochs": 0, "epochs": 6, "final_epochs": 40},
    },
}
TRIAL = {"generations": 1, "epochs": 1, "final_epochs": 1, "batch_size": 2048}


def main() -> None:
    """Breed what is missing, write the results."""
    parser = options(__doc__, NAME, "folder that holds train/ and test/")
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=["alexnet-cifar"])
    parser.add_argument("--weights", type=Path, help="a trained ancestor's, for resnet56")
    parser.add_argument("--size", choices=list(EPOCHS), help="large where there is a GPU, else small")
    arguments = parser.parse_args()
    size = arguments.size or ("large" if torch.cuda.is_available() else "small")
    results = Results(NAME, arguments)
    for network in arguments.networks:
        given = {"ancestor": network, **COMMON, **NETWORKS[network], **EPOCHS[size][network]}
        if arguments.trial:
            given = {**given, **TRIAL, "ancestor_epochs": min(1, given["ancestor_epochs"])}
        if not given["ancestor_epochs"] and arguments.weights is None:
            parser.error(f"{network} begins with trained weights: give --weights FILE.safetensors")
        if network == "alexnet-cifar":
            given["max_synapses"] = synapses_of(network) // TIMES
        for seed in arguments.seeds:
            key = f"{network}, {size}, seed {seed}"
            if not results.missing(key, given):
                continue
            weights = None if given["ancestor_epochs"] else arguments.weights
            run = results.bred(key, given, seed=seed, data_root=arguments.data_root, weights=weights)
            row = {"seed": seed, "machine": machine(), "device": device(), **figures(run), "curve": curve(run)}
            results.keep(key, given, row)
    results.publish(table)


def synapses_of(ancestor: str) -> int:
    """Weights of convolutions and linear layers."""
    return sum(weight.numel() for weight in build_ancestor(ancestor, 10).parameters() if weight.ndim > 1)


def curve(run: Run) -> list[dict[str, Any]]:
    """Size and validation accuracy of every generation; the last had more nurture than those before."""
    records = run.records()
    whole = next(record for record in records if record.name == ANCESTOR).census
    return [
        {
            "individual": record.name,
            "validation_accuracy_percent": record.validation,
            "cluster_efficiency": whole.clusters / record.census.clusters,
            "synaptic_efficiency": whole.synapses / record.census.synapses,
            "macs_ratio": whole.macs / record.census.macs,
            "epochs": record.nurture["epochs"],
        }
        for record in records
    ]


def table(document: dict[str, Any]) -> str:
    """Markdown of the results: the runs, then every generation of each."""
    lines = [
        "| run | test accuracy (ancestor) | synapses | clusters | MACs | shown | evolution (ancestor) | trained on |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for key, one in document["runs"].items():
        lines.append(
            f"| {key} | **{one['test_accuracy_percent']:.2f} %** ({one['ancestor_test_accuracy_percent']:.2f} %) "
            f"| **{one['synaptic_efficiency']:.1f}x** fewer | {one['cluster_efficiency']:.2f}x fewer "
            f"| {one['macs_ratio']:.1f}x fewer | {shown(one)} | {one['evolution_s']:.0f} s ({one['ancestor_s']:.0f} s) "
            f"| {one['device']} |"
        )
    lines += [
        "",
        "| individual | validation accuracy | clusters | synapses | MACs | epochs |",
        "|---|---|---|---|---|---|",
    ]
    for key, one in document["runs"].items():
        lines += [
            f"| {key}: {point['individual']} | {point['validation_accuracy_percent']:.2f} % "
            f"| {point['cluster_efficiency']:.2f}x fewer | {point['synaptic_efficiency']:.1f}x fewer "
            f"| {point['macs_ratio']:.1f}x fewer | {point['epochs']} |"
            for point in one["curve"]
        ]
    return "\n".join(lines)


def shown(one: dict[str, Any]) -> str:
    """Whether AlexNet's run shows what is asked for; of ResNet-56 only the curve is asked."""
    if one["options"]["ancestor"] != "alexnet-cifar":
        return ""
    lost = one["ancestor_test_accuracy_percent"] - one["test_accuracy_percent"]
    return "yes" if one["synaptic_efficiency"] >= TIMES and lost <= BOUND_POINTS else "no"


if __name__ == "__main__":
    main()
