"""What INT8 costs a sparse offspring: calibrated after training, and bred at int8 from the start.

    python -m benchmarks.export_int8.run --on lenet5 --data-root DIR
    python -m benchmarks.export_int8.run --on resnet20 --data-root DIR --weights FILE.safetensors

The same lineage twice, at fp32 and at int8; the best individual of each is exported with both INT8 forms, and accuracy
on the test split is that of the parity ledger. Wanted: at most 0.3 points lost by calibration, 0.1 by an individual
that was bred so.

Resumable: finished rows are taken from result.json beside this script (unless --again), killed runs go on in
--runs. With --trial the JSON goes to --runs and the table is only printed.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from benchmarks.resnet_cifar10.run import SETTINGS
from benchmarks.shared.lineages import machine
from benchmarks.shared.results import Results, options
from edgesynth.export import export_individual
from edgesynth.lineage import Run

NAME = "export_int8"
WANTED = {"fp32": 0.3, "int8": 0.1}  # points that TensorRT's form may lose
STUDIES: dict[str, dict[str, Any]] = {
    "lenet5": {
        "seeds": (0, 1, 2),
        "options": {
            "ancestor": "lenet5",
            "task": "mnist",
            "ancestor_epochs": 20,
            "learning_rate": 5e-3,
            "max_synapses": 430_500 // 50,
            "max_clusters": 100,
            "keep": 0.4,
            "keep_clusters": 0.5,
            "epochs": 2,
            "final_epochs": 15,
            "offspring": 1,
            "generations": 10,
            "min_accuracy": 0.0,
        },
    },
    "resnet20": {
        "seeds": (0,),
        # The lineage of `resnet_cifar10` at 2.1x: its finished run may be laid into --runs under this study's name.
        "options": {**SETTINGS, "ancestor": "resnet20", "max_macs": 19_310_019, "epochs": 1, "final_epochs": 6},
    },
}


def main() -> None:
    """Breed and export what is missing, write the results."""
    parser = options(__doc__, NAME, "folder of the task's data", seeds=())
    parser.add_argument("--on", choices=sorted(STUDIES), default="lenet5")
    parser.add_argument("--weights", help="a trained ancestor's, for resnet20")
    arguments = parser.parse_args()
    study, results = STUDIES[arguments.on], Results(NAME, arguments)
    for seed in arguments.seeds or study["seeds"]:
        own = {"seed": seed, "data_root": arguments.data_root, "weights": arguments.weights}
        for precision in WANTED:
            key, given = f"{arguments.on}, {precision}, seed {seed}", {**study["options"], "precision": precision}
            if not results.missing(key, given):
                continue
            best_figures = figures(results.bred(key, given, **own))
            row = {"network": arguments.on, "bred_at": precision, "seed": seed, "machine": machine(), **best_figures}
            results.keep(key, given, row)
    results.publish(table)


def figures(run: Run) -> dict[str, Any]:
    """Test accuracy of every form of the best individual, and how INT8 was calibrated."""
    best = run.record(run.outcome()["best"])
    with tempfile.TemporaryDirectory() as folder:
        # No guard: what INT8 costs is the question.
        bundle = export_individual(
            run, best.name, Path(folder) / "bundle", int8=True, max_int8_loss=100.0, int8_cpu_layers="all"
        )
    calibration = bundle.manifest["models"]["int8"]["calibration"]
    return {
        "individual": best.name,
        "synapses": best.census.synapses,
        "macs": best.census.macs,
        "test_accuracy_percent": {hop.hop: hop.accuracy_percent for hop in bundle.ledger.hops},
        "method": calibration["method"],
        "validation_accuracy_percent": calibration["validation_accuracy_percent"],
    }


def table(document: dict[str, Any]) -> str:
    """Markdown of the results."""
    lines = [
        "| network | bred at | seed | fp32 file | int8 (TensorRT's form) | int8-cpu | calibration | within |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in document["runs"].values():
        accuracy = row["test_accuracy_percent"]
        loss = accuracy["onnx fp32"] - accuracy["onnx int8"]
        allowed = WANTED[row["bred_at"]]
        lines.append(
            f"| {row['network']} | {row['bred_at']} | {row['seed']} | {accuracy['onnx fp32']:.2f} % "
            f"| {accuracy['onnx int8']:.2f} % ({-loss:+.2f}) "
            f"| {accuracy['onnx int8-cpu']:.2f} % ({accuracy['onnx int8-cpu'] - accuracy['onnx fp32']:+.2f}) "
            f"| {row['method']} | {allowed} points: {'yes' if loss <= allowed + 1e-9 else 'no'} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
