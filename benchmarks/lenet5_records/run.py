"""LeNet-5 on MNIST against the best published figures: synapses, removal alone, clusters.

    python -m benchmarks.lenet5_records.run --data-root DIR [--only removal] [--seeds 0]

Three targets, each with a bound on test error and each bred from the same ancestor of its seed, LeNet-5 with a ReLU
after each convolution, as Sparse VD and Bayesian Compression built it:

- synapses: at least 300x fewer at 0.9 % or less (Sparse VD: 280x at 0.75 %; OLMP: 298x at 0.91 %);
- removal: whole clusters alone, at least 170x fewer parameters and 21x fewer MACs at 1.0 % or less (BC-GHS: 154x, 15x);
- clusters: at least 23x fewer at 1.0 % or less (Evolution in Groups: 9.71x; with two parents 34x at about 3 %).

Resumable: runs that were finished with these options are taken from result.json beside this script (unless
--again), killed ones go on in --runs. With --trial the JSON goes to --runs and the table is only printed.
"""

from __future__ import annotations

import statistics
from typing import Any

from benchmarks.shared.lineages import figures, machine
from benchmarks.shared.results import Results, options

NAME = "lenet5_records"
SEEDS = (0, 1, 2)
COMMON: dict[str, Any] = {
    "ancestor": "lenet5-relu",
    "task": "mnist",
    "encoding": "cluster",
    "strength": "taylor",
    "allocation": "budgets",
    "ancestor_epochs": 20,
    "min_accuracy": 0.0,
    "generations": 40,
    "learning_rate": 5e-3,
}
# What each is bred to, and what it must show: least ratios, and most test error in percent.
# Removal and clusters: siblings of various shapes compete, under stress; the best three of the last generation are
# trained in full. Synapses: clusters go first in the same way, then single synapses among those that are left.
BY_REMOVAL = {
    "keep": 1.0,
    "keep_clusters": 0.65,
    "stress": "clusters",
    "variation": 1.0,
    "offspring": 8,
    "proxy_epochs": 1,
    "survivors": 3,
    "epochs": 2,
    "final_epochs": 50,
    "distillation": 0.0,
}
RECORDS: dict[str, dict[str, Any]] = {
    "removal": {**BY_REMOVAL, "max_params": 431_080 // 170, "max_macs": 2_293_000 // 21},
    "synapses": {
        "keep": 0.65,
        "keep_clusters": 0.5,
        "stress": "both",
        "variation": 1.0,
        "offspring": 4,
        "proxy_epochs": 1,
        "survivors": 1,
        "epochs": 3,
        "final_epochs": 60,
        "distillation": 0.0,
        "max_synapses": 430_500 // 300,
        "max_params": 8000,
        "max_macs": 2_293_000 // 6,
    },
    "clusters": {**BY_REMOVAL, "max_clusters": 25},
}
WANTED: dict[str, tuple[dict[str, float], float]] = {
    "synapses": ({"synaptic_efficiency": 300}, 0.9),
    "removal": ({"params_ratio": 170, "macs_ratio": 21}, 1.0),
    "clusters": ({"cluster_efficiency": 23}, 1.0),
}


def main() -> None:
    """Breed what is missing, write the results."""
    parser = options(__doc__, NAME, "folder that holds MNIST/raw", SEEDS)
    parser.add_argument("--only", choices=list(RECORDS), nargs="+", default=list(RECORDS), help="these targets alone")
    arguments = parser.parse_args()
    results = Results(NAME, arguments)
    for seed in arguments.seeds:
        for record in arguments.only:
            key, given = f"{record}, seed {seed}", {**COMMON, **RECORDS[record]}
            if not results.missing(key, given):
                continue
            row = figures(results.bred(key, given, seed=seed, data_root=arguments.data_root))
            results.keep(key, given, {"record": record, "seed": seed, "machine": machine(), **row})
    results.publish(table)


def table(document: dict[str, Any]) -> str:
    """Markdown of the results."""
    lines = [
        "| bred for | ancestor | wanted | test error (ancestor) | synapses | clusters (by layer) | parameters | MACs "
        "| reached | epochs | evolution (ancestor) | without nurture |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    runs = sorted(document["runs"].values(), key=lambda run: (list(RECORDS).index(run["record"]), run["seed"]))
    for run in runs:
        ratios, error = WANTED[run["record"]]
        overhead = f"{run['overhead_percent']:.1f} %" if "overhead_percent" in run else ""
        wanted = " and ".join(f"{name.split('_')[0]} {least:g}x" for name, least in ratios.items())
        lines.append(
            f"| {run['record']}, seed {run['seed']} | {run['options']['ancestor']} | {wanted} at {error} % "
            f"| **{100 - run['test_accuracy_percent']:.2f} %** ({100 - run['ancestor_test_accuracy_percent']:.2f} %) "
            f"| {run['synaptic_efficiency']:.1f}x ({run['synapses']:,}) "
            f"| {run['cluster_efficiency']:.1f}x ({'-'.join(map(str, run['layers']))}) "
            f"| {run['params_ratio']:.1f}x ({run['params']:,}) | {run['macs_ratio']:.1f}x ({run['macs']:,}) "
            f"| {'yes' if reached(run) else 'no'} | {run['epochs']} "
            f"| {run['evolution_s']:.0f} s ({run['ancestor_s']:.0f} s) | {overhead} |"
        )
    lines.append("")
    for record in RECORDS:
        errors = [100 - run["test_accuracy_percent"] for run in runs if run["record"] == record]
        if len(errors) > 1:
            mean, spread = statistics.mean(errors), statistics.stdev(errors)
            lines.append(f"{record}: mean test error {mean:.2f} %, standard deviation {spread:.2f}.")
    return "\n".join(lines).rstrip()


def reached(run: dict[str, Any]) -> bool:
    """Whether a run shows what its record asks for."""
    ratios, error = WANTED[run["record"]]
    small = all(run[name] >= least for name, least in ratios.items())
    return small and round(100 - run["test_accuracy_percent"], 6) <= error


if __name__ == "__main__":
    main()
