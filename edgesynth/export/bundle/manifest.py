"""Manifest: facts of a bundle, and the sha256 of each of its files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import edgesynth
from edgesynth.benchmark.bundle.bundle import KEPT, SCHEMA, sha256_of
from edgesynth.defaults import LICENSE
from edgesynth.errors import UserError
from edgesynth.export.bundle.ledger import Ledger
from edgesynth.export.half.beyond_half import Beyond
from edgesynth.export.onnx.exporters import INPUT, Exporter
from edgesynth.lineage import Record, Run
from edgesynth.tasks import Task

MANIFEST = "manifest.json"


def ancestry(run: Run, name: str) -> list[Record]:
    """An individual and all that it descends from, the ancestor first.

    Raises:
        UserError: one of them is missing from the run.
    """
    records: dict[str, Record] = {}
    waiting = [name]
    while waiting:
        record = run.record(waiting.pop())
        if record.name not in records:
            records[record.name] = record
            waiting.extend(record.parents)
    return sorted(records.values(), key=lambda record: (record.generation, record.child))


def check_license(text: str) -> None:
    """Refuse a license that is empty or longer than a name.

    Raises:
        UserError: it is empty, or has several lines.
    """
    if not text.strip() or len(text.splitlines()) > 1:
        raise UserError(
            f"--license is {text!r}; give the name of the license of the weights in one line, e.g. 'CC-BY-4.0', "
            f"or leave it out ('{LICENSE}')"
        )


def build_manifest(
    task: Task,
    line: list[Record],
    models: dict[str, dict[str, Any]],
    kept: list[Beyond],
    ledger: Ledger,
    output: dict[str, Any],
    exporter: Exporter,
    license: str,
) -> dict[str, Any]:
    """Describe a bundle, all but its files.

    Args:
        task: the data that the individual was bred for.
        line: from `ancestry`.
        models: {key: facts of the model's file}.
        kept: layers that stay in FP32 where all else is FP16.
        ledger: the parity ledger.
        output: name and shape (of one image) of what the models give, and how that is decoded.
        exporter: what wrote the fp32 model.
        license: of the weights, as the user states it.
    """
    ancestor, individual = line[0], line[-1]
    return {
        "schema": SCHEMA,
        "tool": {"name": "edgesynth", "version": edgesynth.__version__},
        "individual": individual.name,
        "license": license,
        "exporter": exporter._asdict(),
        "task": {"name": task.name, "metric": task.metric_name, "unit": task.metric_unit},
        "input": {"name": INPUT, "shape": list(task.input_shape), "dtype": "float32", "layout": "NCHW"},
        "output": output,
        "preprocessing": task.preprocessing,
        "labels": list(task.labels),
        "models": models,
        KEPT: [layer._asdict() for layer in kept],
        "census": {
            "ancestor": _totals(ancestor),
            "individual": _totals(individual),
            "synaptic_efficiency": ancestor.census.synapses / individual.census.synapses,
            "cluster_efficiency": ancestor.census.clusters / individual.census.clusters,
        },
        "lineage": [_ancestor_facts(record) for record in line],
        "ledger": ledger.to_json(),
    }


def file_facts(folder: Path) -> dict[str, Any]:
    """sha256 and size of every file in a folder."""
    return {
        path.name: {"sha256": sha256_of(str(path)), "bytes": path.stat().st_size} for path in sorted(folder.iterdir())
    }


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
