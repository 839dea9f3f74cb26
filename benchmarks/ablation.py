"""What each mechanism is worth: one change at a time, at equal epochs, beside a dense network trained from scratch.

    python benchmarks/ablation.py --on mnist --data-root DIR
    python benchmarks/ablation.py --on resnet20 --data-root DIR --weights FILE.safetensors

`calibrated` is the papers' strength (magnitude) under a budget, untaught and unstressed; every other row changes one
thing about it, and the last put together what helps. All rows of a seed share the ancestor and the epochs in all: those
of every offspring and of every network probed, in every generation. (The generative ancestor is trained without the
stimulus, so it is its own.) The faithful rule cannot be given a budget and ends where it ends. The dense controls are
as large as the budget allows, in the ancestor's proportions, and trained from fresh weights for as many epochs.

Resumable: finished rows are taken from ablation.json beside this script (unless --again), killed ones go on in --runs.
With --trial the JSON goes to --runs and the table is only printed.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
from pathlib import Path
from typing import Any

from ablation_dense import dense
from ablation_rows import STUDIES
from lineages import bred, figures, machine
from tables import write_table

from edgesynth.lineage import Config, resolve
from edgesynth.lineage.files import write_json

HERE = Path(__file__).resolve().parent


def main() -> None:
    """Measure what is not there yet, write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--on", choices=sorted(STUDIES), default="mnist")
    parser.add_argument("--data-root", type=Path, required=True, help="folder of the task's data")
    parser.add_argument("--weights", type=Path, help="a trained ancestor's, for resnet20")
    parser.add_argument("--seeds", type=int, nargs="+", help="instead of the study's")
    parser.add_argument("--runs", type=Path, default=Path("runs/ablation"), help="where runs are kept")
    parser.add_argument("--again", action="store_true", help="measure finished rows again")
    parser.add_argument("--trial", action="store_true", help="leave the results beside this script alone")
    arguments = parser.parse_args()
    arguments.runs.mkdir(parents=True, exist_ok=True)
    file = (arguments.runs if arguments.trial else HERE) / "ablation.json"
    document = json.loads(file.read_text()) if file.is_file() else {"benchmark": "ablation", "studies": {}}

    study = STUDIES[arguments.on]
    found = document["studies"].setdefault(arguments.on, {"settings": study.common, "machine": machine(), "rows": {}})
    for seed in arguments.seeds or study.seeds:
        for row in (*study.rows, *study.dense):
            key = f"{row}, seed {seed}"
            if key in found["rows"] and not arguments.again:
                continue
            print(f"{arguments.on}: {key}", flush=True)
            common = {**study.common, "seed": seed, "data_root": arguments.data_root, "weights": arguments.weights}
            if row in study.dense:
                result = dense(arguments.runs, resolve(None, common), study.epochs, taught=study.dense[row])
            else:
                path = arguments.runs / f"{arguments.on}-{row.replace(' ', '_').replace(',', '')}-seed_{seed}"
                if arguments.again and path.exists():
                    shutil.rmtree(path)
                result = lineage(arguments.runs, path, resolve(None, {**common, **study.rows[row]}))
            found["rows"][key] = {"row": row, "seed": seed, **result}
            write_json(file, document)
    print(table(document))
    if not arguments.trial:
        write_table(HERE / "README.md", "ablation", table(document))


def lineage(runs: Path, path: Path, config: Config) -> dict[str, Any]:
    """The figures of a lineage; epochs count those of the networks probed."""
    run = bred(runs, path, config)
    found = figures(run)
    if config.strategy == "generative":
        found["epochs"] += run.record(found["individual"]).synthesis["networks_probed"] * config.probe_epochs
    return found


def table(document: dict[str, Any]) -> str:
    """Markdown of the results, a table for each study."""
    parts = []
    for name, study in document["studies"].items():
        count = {row["row"]: 0 for row in study["rows"].values()}
        lines = [
            f"**{name}**",
            "",
            "| row | test accuracy, mean (each seed) | synapses | clusters | MACs | epochs |",
            "|---|---|---|---|---|---|",
        ]
        lines += [_line(row, [one for one in study["rows"].values() if one["row"] == row]) for row in count]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _line(row: str, found: list[dict[str, Any]]) -> str:
    def mean(key: str) -> float:
        return statistics.mean(one[key] for one in found)

    accuracies = [one["test_accuracy_percent"] for one in found]
    each = f" ({', '.join(f'{accuracy:.2f}' for accuracy in accuracies)})" if len(found) > 1 else ""
    return (
        f"| {row} | **{statistics.mean(accuracies):.2f} %**{each} | {mean('synaptic_efficiency'):.0f}x "
        f"| {mean('cluster_efficiency'):.1f}x | {mean('macs_ratio'):.1f}x fewer | {mean('epochs'):.0f} |"
    )


if __name__ == "__main__":
    main()
