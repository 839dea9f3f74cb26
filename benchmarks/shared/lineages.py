"""What the scripts that breed whole lineages share: shared ancestors, lines on the screen, the figures of a run."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from edgesynth.ancestors import build_ancestor
from edgesynth.api import Evolved
from edgesynth.evolution import Progress, evolve
from edgesynth.export.onnx.times import OnnxRuntimeClock
from edgesynth.lineage import Config, Individual, Record, Run, ancestor_key
from edgesynth.nurture import score
from edgesynth.tasks import load_task

ANCESTOR = "g000-c0"


class Lines(Progress):
    """One line for each individual."""

    def individual(self, record: Record, seconds: float, resumed: bool) -> None:
        """Its accuracy and size."""
        census = record.census
        print(
            f"  {record.name}  validation {record.validation:.2f} %  {census.synapses:,} synapses  "
            f"{census.clusters} clusters {[layer.clusters for layer in census.layers]}  {census.macs:,} MACs  "
            f"{'kept' if resumed else f'{seconds:.0f} s'}",
            flush=True,
        )


def begin(runs: Path, path: Path, config: Config) -> None:
    """Give a new run the ancestor that another run has trained, where its own would be the very same.

    One that is not trained is not worth it: a run that begins with an ancestor is resumed, by a grid that it has.
    """
    if config.ancestor_epochs and not path.exists() and (lent := lent_ancestor(runs, config)):
        run = Run.create(path, config)
        run.save(lent[0], threads=lent[2])
        run.save_measured(ANCESTOR, lent[1])


def bred(runs: Path, path: Path, config: Config) -> Run:
    """The finished run of a configuration, with a line for each individual."""
    begin(runs, path, config)
    return evolve(path, config, resume=True, progress=Lines(), clock=OnnxRuntimeClock())


def lent_ancestor(runs: Path, config: Config) -> tuple[Individual, dict[str, Any], int] | None:
    """The ancestor of a configuration, what was measured of it and its threads, if some run here has trained it."""
    for path in sorted(config_file.parent for config_file in runs.glob("*/config.toml")):
        lender = Run.open(path)
        if lender.has(ANCESTOR) and ancestor_key(lender.config) == ancestor_key(config):
            return lender.load(ANCESTOR), lender.measured(ANCESTOR), lender.threads(ANCESTOR)
    return None


def synapses_of(ancestor: str, classes: int) -> int:
    """Weights of its convolutions and linear layers; what has one dimension is bias or normalization."""
    return sum(weight.numel() for weight in build_ancestor(ancestor, classes).parameters() if weight.ndim > 1)


def figures(run: Run) -> dict[str, Any]:
    """What a finished run came to; the test split was read once for the ancestor and once for the best."""
    records = {record.name: record for record in run.records()}
    ancestor, best = records[ANCESTOR], records[run.outcome()["best"]]
    bred = [run.measured(name) for name in records if name != ANCESTOR]
    return {
        "individual": best.name,
        "ancestor_test_accuracy_percent": run.tested()[ANCESTOR],
        "test_accuracy_percent": run.tested()[best.name],
        "validation_accuracy_percent": best.validation,
        "synapses": best.census.synapses,
        "clusters": best.census.clusters,
        "layers": [layer.clusters for layer in best.census.layers],
        "params": best.census.params,
        "macs": best.census.macs,
        "sparse_bytes": best.census.sparse_bytes,
        "synaptic_efficiency": ancestor.census.synapses / best.census.synapses,
        "cluster_efficiency": ancestor.census.clusters / best.census.clusters,
        "params_ratio": ancestor.census.params / best.census.params,
        "macs_ratio": ancestor.census.macs / best.census.macs,
        "epochs": sum(epochs_of(record) for name, record in records.items() if name != ANCESTOR),
        "generations": best.generation,
        "evolution_s": sum(measured["breeding_s"] for measured in bred),
        "overhead_percent": overhead_percent(run),
        "ancestor_s": run.measured(ANCESTOR)["breeding_s"],
        "stopped": run.outcome()["reason"],
    }


def curve(run: Run) -> list[dict[str, Any]]:
    """Size and accuracy of every generation, on test: validation may be what given weights were trained on."""
    records, config = run.records(), run.config
    task, lineage = load_task(config.task, config.data_root, config.image_size), Evolved.open(run.path)
    test = task.load_test()
    whole = next(record for record in records if record.name == ANCESTOR).census
    return [
        {
            "individual": record.name,
            "test_accuracy_percent": score(lineage.network(record.name), task, test),
            "cluster_efficiency": whole.clusters / record.census.clusters,
            "synaptic_efficiency": whole.synapses / record.census.synapses,
            "macs_ratio": whole.macs / record.census.macs,
            "epochs": record.nurture["epochs"],
        }
        for record in records
    ]


def curve_table(runs: Mapping[str, Mapping[str, Any]]) -> str:
    """Markdown of the curves of all runs that have one, a line for each generation."""
    lines = [
        "| individual | test accuracy | clusters | synapses | MACs | epochs |",
        "|---|---|---|---|---|---|",
    ]
    for key, run in runs.items():
        lines += [
            f"| {key}: {point['individual']} | {point['test_accuracy_percent']:.2f} % "
            f"| {point['cluster_efficiency']:.2f}x fewer | {point['synaptic_efficiency']:.1f}x fewer "
            f"| {point['macs_ratio']:.1f}x fewer | {point['epochs']} |"
            for point in run.get("curve", [])
        ]
    return "\n".join(lines)


def epochs_of(record: Record) -> int:
    """Those of all its nurture: what met the budgets by rounding alone had two."""
    first: dict[str, int] = record.nurture.get("first", {})
    return int(record.nurture["epochs"]) + first.get("epochs", 0)


def overhead_percent(run: Run) -> float:
    """What synthesis, removal and bookkeeping take of the time in which offspring are bred."""
    bred = [run.measured(record.name) for record in run.records() if record.name != ANCESTOR]
    own = sum(measured["synthesis_s"] + measured["bookkeeping_s"] for measured in bred)
    return 100 * own / sum(measured["breeding_s"] for measured in bred)


def device() -> str:
    """Where networks were trained."""
    return torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"


def machine() -> dict[str, Any]:
    """What it ran on."""
    return {
        "cpu_threads": torch.get_num_threads(),
        "machine": platform.machine(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }
