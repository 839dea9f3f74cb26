"""Generative synthesis on MNIST: what the inquisitor finds against its two controls, at equal networks probed.

    python -m benchmarks.generative_mnist.run --data-root DIR

LeNet-5 under a floor on validation accuracy, seeds 0, 1 and 2: the best feasible U after so many networks probed. The
three searches of a seed share the ancestor, the number of networks probed in each cycle, their short nurture, and how
targets are drawn; they differ in what moves the generator: the inquisitor, nothing (random masks), or the cross-entropy
method.

Resumable: searches that were finished with these options are taken from result.json beside this script
(unless --again), killed ones go on in --runs. With --trial, the settings are tiny, the JSON goes to --runs and the
table is only printed.
"""

from __future__ import annotations

import statistics
from typing import Any

from benchmarks.shared.lineages import ANCESTOR, machine
from benchmarks.shared.results import Results, options
from edgesynth.evolution.generative.netscore import FORMULA, netscore_of
from edgesynth.lineage import Record, Run

NAME = "generative_mnist"
SEARCHES = ("inquisitor", "random", "cross-entropy")
SEEDS = (0, 1, 2)
SETTINGS: dict[str, Any] = {
    "ancestor": "lenet5",
    "task": "mnist",
    "strategy": "generative",
    "generations": 8,
    "probes": 8,
    "probe_epochs": 1,
    "ancestor_epochs": 20,
    "epochs": 4,
    "final_epochs": 30,
    "min_accuracy": 98.5,
}
TRIAL = {"generations": 4, "probes": 4, "ancestor_epochs": 2, "epochs": 1, "final_epochs": 2, "min_accuracy": 97.0}


def main() -> None:
    """Run every search with every seed, write the results."""
    arguments = options(__doc__, NAME, "folder that holds MNIST/raw", SEEDS).parse_args()
    results = Results(NAME, arguments, performance=FORMULA)
    for seed in arguments.seeds:
        for search in SEARCHES:
            key, given = f"{search}, seed {seed}", {**SETTINGS, **(TRIAL if arguments.trial else {}), "search": search}
            if not results.missing(key, given):
                continue
            run = results.bred(key, given, barren_too=True, seed=seed, data_root=arguments.data_root)
            results.keep(key, given, {"search": search, "seed": seed, "machine": machine(), **figures(run)})
    results.publish(table)


def figures(run: Run) -> dict[str, Any]:
    """What a finished run came to; selection saw validation alone, test was read once."""
    records = {record.name: record for record in run.records()}
    best, ancestor = records.get(run.outcome()["best"]), records[ANCESTOR]
    cycles = [record for record in records.values() if record.generation > 0]
    return {
        "ancestor_performance_db": netscore_of(ancestor.validation, ancestor.census),
        **(best_figures(run, best, ancestor) if best else {"individual": None, "performance_db": None}),
        "networks_probed": max(record.synthesis["networks_probed"] for record in cycles),
        "feasible_rate": statistics.mean(record.synthesis["feasible_rate"] for record in cycles),
        "best_probe_db": [
            max((probe["performance_db"] for probe in record.synthesis["probes"] if probe["feasible"]), default=None)
            for record in cycles
        ],
        "evolution_s": sum(run.measured(record.name)["breeding_s"] for record in cycles),
        "stopped": run.outcome()["reason"],
    }


def best_figures(run: Run, best: Record, ancestor: Record) -> dict[str, Any]:
    """Those of its best feasible individual."""
    return {
        "individual": best.name,
        "performance_db": netscore_of(best.validation, best.census),
        "validation_accuracy_percent": best.validation,
        "test_accuracy_percent": run.tested()[best.name],
        "macs": best.census.macs,
        "macs_ratio": ancestor.census.macs / best.census.macs,
        "params": best.census.params,
        "layers": [layer.clusters for layer in best.census.layers],
    }


def table(document: dict[str, Any]) -> str:
    """Markdown of the results."""
    results = document["runs"]
    lines = [
        f"U is {FORMULA}.",
        "",
        "| run | U (ancestor's) | test accuracy | MACs | parameters | clusters by layer | probed | feasible | time |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, result in results.items():
        if result["individual"] is None:
            lines.append(f"| {name} | none feasible | | | | | {result['networks_probed']} | | |")
            continue
        lines.append(
            f"| {name} | **{result['performance_db']:.2f}** dB ({result['ancestor_performance_db']:.2f}) "
            f"| {result['test_accuracy_percent']:.2f} % | {result['macs']:,} ({result['macs_ratio']:.1f}x fewer) "
            f"| {result['params']:,} | {'-'.join(map(str, result['layers']))} | {result['networks_probed']} "
            f"| {100 * result['feasible_rate']:.0f} % | {result['evolution_s']:.0f} s |"
        )
    lines.append("")
    for search in SEARCHES:
        own = [result["performance_db"] for result in results.values() if result["search"] == search]
        feasible = [score for score in own if score is not None]
        if len(feasible) > 1:
            spread = f"mean U {statistics.mean(feasible):.2f} dB, standard deviation {statistics.stdev(feasible):.2f}"
            lines.append(f"{search}: {spread}, feasible in {len(feasible)} of {len(own)} seeds.")
    return "\n".join(lines).rstrip()


if __name__ == "__main__":
    main()
