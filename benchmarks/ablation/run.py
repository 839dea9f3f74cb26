"""What each mechanism is worth: one change at a time, at equal epochs, beside a dense network trained from scratch.

    python -m benchmarks.ablation.run --on mnist --data-root DIR
    python -m benchmarks.ablation.run --on resnet20 --data-root DIR --weights FILE.safetensors

`calibrated` is the papers' strength (magnitude) under a budget, untaught and unstressed; every other row changes one
thing about it, and the last put together what helps. All rows of a seed share the ancestor and the most epochs in all:
those of every offspring and of every network probed, in every generation. A lineage that meets its budgets some
generations sooner has spent less, and the table says what. (The generative ancestor is trained without the stimulus, so
it is its own.) The faithful rule cannot be given a budget and ends where it ends. The dense controls are as large as
the budget allows, in the ancestor's proportions, and trained from fresh weights for all the epochs.

Resumable: finished rows are taken from result.json beside this script (unless --again), killed ones go on in --runs.
With --trial the JSON goes to --runs and the table is only printed.
"""

from __future__ import annotations

import statistics
from typing import Any

from benchmarks.ablation.dense import dense
from benchmarks.ablation.rows import STUDIES, Study
from benchmarks.shared.lineages import figures, machine
from benchmarks.shared.results import Results, options
from edgesynth.lineage import Run, resolve

NAME = "ablation"


def main() -> None:
    """Measure what is not there yet, write the results."""
    parser = options(__doc__, NAME, "folder of the task's data", seeds=())
    parser.add_argument("--on", choices=sorted(STUDIES), default="mnist")
    parser.add_argument("--weights", help="a trained ancestor's, for resnet20")
    arguments = parser.parse_args()
    study, results = STUDIES[arguments.on], Results(NAME, arguments)
    for seed in arguments.seeds or study.seeds:
        own = {"seed": seed, "data_root": arguments.data_root, "weights": arguments.weights}
        for row in (*study.rows, *study.dense):
            key, given = f"{arguments.on}, {row}, seed {seed}", given_for(study, row)
            if not results.missing(key, given):
                continue
            if row in study.dense:
                config = resolve(None, {**study.common, **own})
                row_figures = dense(results.runs, config, study.epochs, study.dense[row])
            else:
                row_figures = lineage_figures(results.bred(key, given, **own))
            facts = {"study": arguments.on, "row": row, "seed": seed, "machine": machine()}
            results.keep(key, given, {**facts, **row_figures})
    results.publish(table)


def given_for(study: Study, row: str) -> dict[str, Any]:
    """What a row is made by."""
    if row in study.dense:
        return {**study.common, "epochs_in_all": study.epochs, "taught": study.dense[row]}
    return {**study.common, **study.rows[row]}


def lineage_figures(run: Run) -> dict[str, Any]:
    """Those of a lineage; epochs count those of the networks probed."""
    row_figures = figures(run)
    if run.config.strategy == "generative":
        probed = run.record(row_figures["individual"]).synthesis["networks_probed"]
        row_figures["epochs"] += probed * run.config.probe_epochs
    return row_figures


def table(document: dict[str, Any]) -> str:
    """Markdown of the results, a table for each study."""
    parts = []
    for name, study in STUDIES.items():
        rows = [run for run in document["runs"].values() if run["study"] == name]
        lines = [
            f"**{name}**",
            "",
            "| row | test accuracy, mean ± standard deviation (each seed) | synapses | clusters | MACs | epochs |",
            "|---|---|---|---|---|---|",
        ]
        for row in (*study.rows, *study.dense):
            if same := [run for run in rows if run["row"] == row]:
                lines.append(_line(row, same))
        if rows:
            parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _line(row: str, runs: list[dict[str, Any]]) -> str:
    def mean(key: str) -> float:
        return statistics.mean(run[key] for run in runs)

    accuracies = [run["test_accuracy_percent"] for run in runs]
    each = ""
    if len(runs) > 1:
        each = f" ± {statistics.stdev(accuracies):.2f} ({', '.join(f'{accuracy:.2f}' for accuracy in accuracies)})"
    synapses = mean("synaptic_efficiency")
    return (
        f"| {row} | **{statistics.mean(accuracies):.2f} %**{each} | {synapses:.{0 if synapses >= 10 else 1}f}x "
        f"| {mean('cluster_efficiency'):.1f}x | {mean('macs_ratio'):.1f}x fewer | {mean('epochs'):.0f} |"
    )


if __name__ == "__main__":
    main()
