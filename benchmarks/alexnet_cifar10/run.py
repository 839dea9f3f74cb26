"""AlexNet on CIFAR-10 images: paper 4's 40x fewer synapses, bred under stress.

    python -m benchmarks.alexnet_cifar10.run --data-root DIR

DIR holds train/CLASS/*.jpg and test/CLASS/*.jpg. Wanted: 40x fewer synapses at most 1 point below the ancestor on test
(StressedNets). Two sizes, by whether there is a GPU: `small` trains for fewer epochs, of which the first take minutes
each on a CPU core, and without the ancestor's answers, which would take longer than an offspring's epoch; `large` for
as many as pay.

Resumable: finished runs are taken from result.json beside this script (unless --again), killed ones go on in
--runs. With --trial, the settings are tiny, the JSON goes to --runs and the table is only printed.
"""

from __future__ import annotations

from typing import Any

import torch

from benchmarks.shared.lineages import curve, curve_table, device, figures, machine, synapses_of
from benchmarks.shared.results import Results, options

NAME = "alexnet_cifar10"
TIMES = 40  # fewer synapses
BOUND_POINTS = 1.0  # of accuracy, that the last individual may lose on test
SETTINGS: dict[str, Any] = {
    "ancestor": "alexnet-cifar",
    "task": "imagefolder",
    "image_size": 32,
    "encoding": "cluster",
    "offspring": 1,
    "min_accuracy": 0.0,
    "stress": "both",
    "keep": 0.5,
    "keep_clusters": 0.8,
    "generations": 8,
    "learning_rate": 1e-3,
}
EPOCHS = {
    "small": {"ancestor_epochs": 30, "epochs": 2, "final_epochs": 150, "distillation": 0.0},
    "large": {"ancestor_epochs": 60, "epochs": 10, "final_epochs": 60},
}
TRIAL = {"generations": 1, "ancestor_epochs": 1, "epochs": 1, "final_epochs": 1, "batch_size": 2048}


def main() -> None:
    """Breed what is missing, write the results."""
    parser = options(__doc__, NAME, "folder that holds train/ and test/")
    parser.add_argument("--size", choices=list(EPOCHS), help="large where there is a GPU, else small")
    arguments = parser.parse_args()
    size = arguments.size or ("large" if torch.cuda.is_available() else "small")
    most = {"max_synapses": synapses_of(SETTINGS["ancestor"], 10) // TIMES}
    given = {**SETTINGS, **most, **EPOCHS[size], **(TRIAL if arguments.trial else {})}
    results = Results(NAME, arguments)
    for seed in arguments.seeds:
        key = f"alexnet-cifar, {size}, seed {seed}"
        if results.missing(key, given):
            run = results.bred(key, given, seed=seed, data_root=arguments.data_root)
            row = {"seed": seed, "machine": machine(), "device": device(), **figures(run), "curve": curve(run)}
            results.keep(key, given, row)
    results.publish(table)


def table(document: dict[str, Any]) -> str:
    """Markdown of the results: the runs, then every generation of each."""
    lines = [
        "| run | test accuracy (ancestor) | synapses | clusters | MACs | shown | evolution (ancestor) | trained on |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for key, run in document["runs"].items():
        lines.append(
            f"| {key} | **{run['test_accuracy_percent']:.2f} %** ({run['ancestor_test_accuracy_percent']:.2f} %) "
            f"| **{run['synaptic_efficiency']:.1f}x** fewer | {run['cluster_efficiency']:.2f}x fewer "
            f"| {run['macs_ratio']:.1f}x fewer | {'yes' if shown(run) else 'no'} "
            f"| {run['evolution_s']:.0f} s ({run['ancestor_s']:.0f} s) | {run['device']} |"
        )
    return "\n".join([*lines, "", curve_table(document["runs"])])


def shown(run: dict[str, Any]) -> bool:
    """Whether a run shows what is asked for."""
    lost = run["ancestor_test_accuracy_percent"] - run["test_accuracy_percent"]
    return bool(run["synaptic_efficiency"] >= TIMES and lost <= BOUND_POINTS)


if __name__ == "__main__":
    main()
