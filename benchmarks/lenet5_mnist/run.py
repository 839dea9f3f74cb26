"""LeNet-5 on all of MNIST: clusters and synapses against the paper's headline (Evolution in Groups, arXiv 1704.02081).

    python -m benchmarks.lenet5_mnist.run --data-root DIR

The paper: 125x fewer synapses and 9.71x fewer clusters. Here: at least as many fewer of both, at 99.0 % test accuracy
or more, seeds 0, 1 and 2; and beside them, seed 0 at equal training, the papers' own rule and random masks, so that
the gain of each choice can be seen.

Resumable: each finished run is kept in --runs, and each killed one goes on where it was. Results go to
result.json and to the table in README.md, both beside this script.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

import onnxruntime

from benchmarks.shared.lineages import bred, figures, machine
from benchmarks.shared.tables import write_table
from edgesynth.benchmark.measure.quick import compare_models
from edgesynth.export import export_individual, to_onnx
from edgesynth.lineage import Run, resolve, species
from edgesynth.tasks import load_task

HERE = Path(__file__).resolve().parent
PAPER = {"synaptic_efficiency": 125.0, "cluster_efficiency": 9.71}
TARGET_ACCURACY = 99.0

COMMON = {
    "ancestor": "lenet5",
    "task": "mnist",
    "encoding": "cluster",
    "ancestor_epochs": 20,
    "offspring": 1,
    "epochs": 4,
}
BUDGET = {"max_synapses": 430_500 // 125, "max_clusters": int(580 / 9.71), "generations": 12, "final_epochs": 50}
CALIBRATED = {**COMMON, **BUDGET, "environment": "calibrated", "keep": 0.5, "keep_clusters": 0.5, "min_accuracy": 98.5}
# The papers' rule shrinks faster than it is asked to: it is given the mildest factors of their sweep, and the epochs
# that its missing generations leave over.
FAITHFUL = {
    "environment": "faithful",
    "strength": "magnitude",
    "keep": 0.95,
    "keep_clusters": 0.95,
    "min_accuracy": 0.0,
    "final_epochs": 62,
}
RUNS: dict[str, dict[str, Any]] = {
    **{f"calibrated, seed {seed}": {**CALIBRATED, "seed": seed} for seed in (0, 1, 2)},
    "random masks, seed 0": {**CALIBRATED, "strength": "random", "min_accuracy": 0.0, "seed": 0},
    "faithful rule, seed 0": {**CALIBRATED, **FAITHFUL, "seed": 0},
}


def main() -> None:
    """Breed every run, measure, write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", type=Path, required=True, help="folder that holds MNIST/raw")
    parser.add_argument("--runs", type=Path, default=Path("runs/lenet5_mnist"), help="where runs are kept")
    arguments = parser.parse_args()
    arguments.runs.mkdir(parents=True, exist_ok=True)

    results = {}
    for name, options in RUNS.items():
        print(name, flush=True)
        path = arguments.runs / name.replace(", ", "-").replace(" ", "_")
        config = resolve(None, {**options, "data_root": arguments.data_root})
        results[name] = figures(bred(arguments.runs, path, config))
    document = {
        "benchmark": "lenet5_mnist",
        "paper": PAPER,
        "target_test_accuracy_percent": TARGET_ACCURACY,
        "machine": {**machine(), "onnxruntime": onnxruntime.__version__},
        "latency": latency(arguments.runs / "calibrated-seed_0"),
        "parity": parity(arguments.runs / "calibrated-seed_0"),
        "runs": results,
    }
    (HERE / "result.json").write_text(json.dumps(document, indent=1) + "\n")
    write_table(HERE / "README.md", "lenet5_mnist", table(document))
    print(table(document))
    for problem in shortfalls(results):
        print(f"NOT REACHED: {problem}")


def latency(path: Path) -> dict[str, Any]:
    """Ancestor and offspring, interleaved in one run: median ms, batch 1 and 64, one thread, and their ratio."""
    run = Run.open(path)
    kind = species(run.config.ancestor, load_task(run.config.task, run.config.data_root), run.config.seed)
    names = {"ancestor": "g000-c0", "offspring": run.outcome()["best"]}
    medians = {}
    with tempfile.TemporaryDirectory() as folder:
        files = {role: Path(folder) / f"{role}.onnx" for role in names}
        for role, name in names.items():
            to_onnx(kind.removed(run.load(name)), kind.input_shape, files[role])
        for batch in (1, 64):
            models = compare_models(files, kind.input_shape, batch=batch, duration_s=3.0)["models"]
            medians[f"batch_{batch}"] = {
                "ancestor_ms": models["ancestor"]["latency_ms"]["p50"],
                "offspring_ms": models["offspring"]["latency_ms"]["p50"],
                "ratio": models["ancestor"]["latency_ms"]["p50"] / models["offspring"]["latency_ms"]["p50"],
            }
    return medians


def parity(path: Path) -> list[dict[str, Any]]:
    """The ledger of the offspring's export, hop by hop from masked torch to both INT8 forms, on the test split."""
    run = Run.open(path)
    with tempfile.TemporaryDirectory() as folder:
        return export_individual(
            run, run.outcome()["best"], Path(folder) / "bundle", int8=True, int8_cpu_layers="all"
        ).ledger.to_json()


def shortfalls(results: dict[str, dict[str, Any]]) -> list[str]:
    """Every claim that a calibrated run does not meet."""
    problems = []
    for name, result in results.items():
        if name.startswith("calibrated"):
            wanted = {**PAPER, "test_accuracy_percent": TARGET_ACCURACY}
            problems += [
                f"{name}: {key} {result[key]:.2f}, wanted {least}"
                for key, least in wanted.items()
                if result[key] < least
            ]
    return problems


def table(document: dict[str, Any]) -> str:
    """Markdown of the results."""
    lines = [
        "| run | test accuracy | synapses | clusters (by layer) | MACs | epochs | evolution |",
        "|---|---|---|---|---|---|---|",
        "| the paper (accuracy not recovered) | | 125x | 9.71x | | | |",
    ]
    for name, result in document["runs"].items():
        lines.append(
            f"| {name} | {result['test_accuracy_percent']:.2f} % "
            f"(ancestor {result['ancestor_test_accuracy_percent']:.2f} %) "
            f"| **{result['synaptic_efficiency']:.1f}x** ({result['synapses']:,}) "
            f"| **{result['cluster_efficiency']:.2f}x** ({'-'.join(map(str, result['layers']))}) "
            f"| {result['macs_ratio']:.1f}x fewer | {result['epochs']} | {result['evolution_s']:.0f} s |"
        )
    own = [
        result["test_accuracy_percent"] for name, result in document["runs"].items() if name.startswith("calibrated")
    ]
    lines += [
        "",
        f"Calibrated, {len(own)} seeds: {statistics.mean(own):.2f} % test accuracy, "
        f"standard deviation {statistics.stdev(own):.2f}.",
    ]
    for batch, medians in document["latency"].items():
        lines.append(
            f"ONNX Runtime, {batch.replace('_', ' ')}, one thread, ancestor and offspring of seed 0 interleaved: "
            f"median {medians['ancestor_ms']:.4f} ms and {medians['offspring_ms']:.4f} ms, "
            f"**{medians['ratio']:.1f}x** faster."
        )
    lines += ["", "| hop (seed 0) | compared with | relative error | test accuracy | change |", "|---|---|---|---|---|"]
    for hop in document["parity"]:
        error = "" if hop["max_rel"] is None else f"{hop['max_rel']:.1e}"
        change = "" if hop["change_points"] is None else f"{hop['change_points']:+.2f} points"
        before = hop["compared_with"] or ""
        lines.append(f"| {hop['hop']} | {before} | {error} | {hop['accuracy_percent']:.2f} % | {change} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
