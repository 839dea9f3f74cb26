"""CamVid by generative synthesis: at least 10x fewer parameters and MACs, mIoU within 2 points (paper 5).

    python -m benchmarks.segmentation_camvid.run --data-root DIR

DIR is CamVid as SegNet lays it out (train, trainannot, ...). The ancestor is RefineNet-style, the floor of every cycle
is 12 points of mIoU below its validation, and the budgets are a tenth of its parameters and of its MACs. Two sizes, by
whether there is a GPU: `small` (refinenet-small, 64x64) for two CPU cores, `large` (refinenet-resnet34, 256x256).

Resumable: finished runs are taken from result.json beside this script (unless --again), killed ones go on
in --runs. With --trial, the settings are tiny, the JSON goes to --runs and the table is only printed.
"""

from __future__ import annotations

import argparse
from typing import Any

import torch

from benchmarks.shared.lineages import ANCESTOR, device, figures, machine
from benchmarks.shared.results import Results, options
from edgesynth.evolution.generative.netscore import FORMULA, netscore_of
from edgesynth.lineage import Run, species
from edgesynth.tasks import load_task

NAME = "segmentation_camvid"
TIMES = 10  # fewer parameters, and fewer MACs
BOUND_POINTS = 2.0  # what the last may lose on test
SETTINGS: dict[str, Any] = {
    "task": "camvid",
    "strategy": "generative",
    "generations": 12,
    "probes": 4,
    "probe_epochs": 1,
    "keep": 0.6,
    "max_loss": 12.0,  # of networks that are not yet nurtured in full
    "batch_size": 8,
}
SIZES: dict[str, dict[str, Any]] = {
    "small": {
        "ancestor": "refinenet-small",
        "image_size": 64,
        "ancestor_epochs": 60,
        "epochs": 4,
        "final_epochs": 300,
    },
    "large": {
        "ancestor": "refinenet-resnet34",
        "image_size": 256,
        "ancestor_epochs": 200,
        "epochs": 10,
        "final_epochs": 300,
        "probes": 8,
    },
}
TRIAL = {
    "image_size": 32,
    "ancestor_epochs": 2,
    "probes": 2,
    "generations": 2,
    "epochs": 1,
    "final_epochs": 1,
    "keep": 0.3,
    "batch_size": 32,
}


def main() -> None:
    """Breed what is missing, write the results."""
    parser = options(__doc__, NAME, "CamVid's folder")
    parser.add_argument("--size", choices=list(SIZES), help="large where there is a GPU, else small")
    arguments = parser.parse_args()
    size = arguments.size or ("large" if torch.cuda.is_available() else "small")
    given = given_for(size, arguments)
    results = Results(NAME, arguments, score=FORMULA)
    for seed in arguments.seeds:
        key = f"{size}, seed {seed}"
        if not results.missing(key, given):
            continue
        run = results.bred(key, given, barren_too=True, seed=seed, data_root=arguments.data_root)
        row = {"seed": seed, "machine": machine(), "device": device(), "metric": "mIoU"}
        results.keep(key, given, {**row, **row_of(run)})
    results.publish(table)


def given_for(size: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """What a run of that size is bred by."""
    given = {**SETTINGS, **SIZES[size], **(TRIAL if arguments.trial else {})}
    task = load_task(given["task"], arguments.data_root, given["image_size"])
    census = species(given["ancestor"], task, 0).anatomy.census()
    return {**given, "max_params": census.params // TIMES, "max_macs": census.macs // TIMES}


def row_of(run: Run) -> dict[str, Any]:
    """The figures of a finished run."""
    outcome, ancestor = run.outcome(), run.record(ANCESTOR)
    if outcome["best"] is None:
        return {"individual": None, "stopped": outcome["reason"]}
    best = run.record(outcome["best"])
    scores = {
        name: run.extra_metrics()[individual] for name, individual in (("ancestor", ANCESTOR), ("best", best.name))
    }
    return {
        **figures(run),
        "extra_metrics": scores,
        "ancestor_performance_db": netscore_of(ancestor.validation, ancestor.census),
        "performance_db": netscore_of(best.validation, best.census),
        "networks_probed": max(record.synthesis.get("networks_probed", 0) for record in run.records()),
    }


def table(document: dict[str, Any]) -> str:
    """Markdown of the results."""
    lines = [
        "| run | network, image side | test mIoU (ancestor) | parameters | MACs | pixel accuracy (ancestor) "
        "| NetScore (ancestor) | probed | shown | evolution (ancestor) | trained on |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for key, run in document["runs"].items():
        what = f"{run['options']['ancestor']}, {run['options']['image_size']}"
        if run["individual"] is None:
            lines.append(f"| {key} | {what} | none feasible | | | | | | no | | {run['device']} |")
            continue
        pixels = {name: 100 * scores["pixel accuracy"] for name, scores in run["extra_metrics"].items()}
        lines.append(
            f"| {key} | {what} "
            f"| **{run['test_accuracy_percent']:.2f} %** ({run['ancestor_test_accuracy_percent']:.2f} %) "
            f"| {run['params_ratio']:.1f}x fewer ({run['params']:,}) "
            f"| {run['macs_ratio']:.1f}x fewer ({run['macs']:,}) "
            f"| {pixels['best']:.1f} % ({pixels['ancestor']:.1f} %) "
            f"| {run['performance_db']:.2f} dB ({run['ancestor_performance_db']:.2f}) | {run['networks_probed']} "
            f"| {'yes' if reached(run) else 'no'} | {run['evolution_s']:.0f} s ({run['ancestor_s']:.0f} s) "
            f"| {run['device']} |"
        )
    return "\n".join(lines)


def reached(run: dict[str, Any]) -> bool:
    """Whether a run shows what is asked for."""
    lost = run["ancestor_test_accuracy_percent"] - run["test_accuracy_percent"]
    return min(run["params_ratio"], run["macs_ratio"]) >= TIMES and lost <= BOUND_POINTS


if __name__ == "__main__":
    main()
