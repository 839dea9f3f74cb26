"""Manifest: what a bundle says of itself, and the sha256 of every file that it holds."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import edgesynth
from edgesynth.export.ledger import Ledger
from edgesynth.export.onnx_file import INPUT, OUTPUT
from edgesynth.lineage import Record, Run
from edgesynth.tasks import Classification

SCHEMA = 1
MANIFEST = "manifest.json"


def ancestry(run: Run, name: str) -> list[Record]:
    """An individual and all that it descends from, the ancestor first.

    Raises:
        UserError: one of them is missing from the run.
    """
    found: dict[str, Record] = {}
    waiting = [name]
    while waiting:
        record = run.record(waiting.pop())
        if record.name not in found:
            found[record.name] = record
            waiting.extend(record.parents)
    return sorted(found.values(), key=lambda record: (record.generation, record.child))


def build_manifest(
    folder: Path,
    task: Classification,
    line: list[Record],
    models: dict[str, dict[str, Any]],
    ledger: Ledger,
    classes: int,
) -> dict[str, Any]:
    """Describe the files that lie in a folder.

    Args:
        folder: holds every file of the bundle but the manifest.
        task: the data that the individual was bred for.
        line: from `ancestry`.
        models: {key: facts of the model's file}.
        ledger: the parity ledger.
        classes: length of the network's output.
    """
    ancestor, individual = line[0], line[-1]
    return {
        "schema": SCHEMA,
        "tool": {"name": "edgesynth", "version": edgesynth.__version__},
        "individual": individual.name,
        "task": {"name": task.name, "metric": task.metric_name, "unit": task.metric_unit},
        "input": {"name": INPUT, "shape": list(task.input_shape), "dtype": "float32", "layout": "NCHW"},
        "output": {"name": OUTPUT, "shape": [classes]},
        "preprocessing": task.preprocessing,
        "labels": list(task.labels),
        "models": models,
        "files": {path.name: _facts(path) for path in sorted(folder.iterdir())},
        "census": {
            "ancestor": _totals(ancestor),
            "individual": _totals(individual),
            "synaptic_efficiency": ancestor.census.synapses / individual.census.synapses,
            "cluster_efficiency": ancestor.census.clusters / individual.census.clusters,
        },
        "lineage": [_ancestor_facts(record) for record in line],
        "ledger": ledger.to_json(),
    }


def _facts(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    return {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


def _totals(record: Record) -> dict[str, int]:
    return {name: count for name, count in record.census.to_json().items() if name != "layers"}


def _ancestor_facts(record: Record) -> dict[str, Any]:
    return {
        "name": record.name,
        "parents": list(record.parents),
        "validation": record.validation,
        "synapses": record.census.synapses,
        "clusters": record.census.clusters,
    }
