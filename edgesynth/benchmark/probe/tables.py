"""A probe's table: a new one, or one resumed on the same machine with the same settings."""

import os
import time
from typing import Any, Dict

from edgesynth.benchmark.bundle.bundle import Target
from edgesynth.benchmark.conditions.machine import describe_machine
from edgesynth.benchmark.probe.agreement import check_agreement
from edgesynth.benchmark.probe.one_layer import Bench
from edgesynth.benchmark.probe.settings import ProbeSettings
from edgesynth.benchmark.result.flags import flags_of_machine
from edgesynth.boards.detect import detect_board
from edgesynth.boards.probed import ProbeTable, read_table
from edgesynth.boards.probed.table import KIND, SCHEMA


def new_table(bench: Bench, target: Target, settings: ProbeSettings, root: str) -> ProbeTable:
    """A table without staircases.

    Args:
        bench: what it will be measured on.
        target: the model.
        settings: of the probe.
        root: see `probing.probe`.
    """
    machine = describe_machine(root)
    board = detect_board(root).board
    return ProbeTable(
        {
            "schema": SCHEMA,
            "kind": KIND,
            "created_utc": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "machine": machine,
            "board": board.name if board is not None else None,
            "engine": bench.engine,
            "precision": bench.form.precision,
            "batch": settings.batch,
            "power_mode": machine["power_mode"],
            "settings": dict(settings._asdict()),
            "models": [target.name],
            "call_ms": round(bench.call_ms, 6),
            "flags": bench.flags + flags_of_machine(machine, settings.threads),
        }
    )


def resumed(path: str, new: ProbeTable) -> ProbeTable:
    """The table of a file, resumed if it exists; else the new one.

    Args:
        path: where the table is, or will be.
        new: what would be begun here and now; its models and flags are added to those of the file.

    Raises:
        UserError: the file is no table, or one of another machine, engine, precision, batch or power mode.
    """
    if not os.path.exists(path):
        return new
    old = read_table(path)
    check_agreement(path, "probe", _must_agree(old.facts), _must_agree(new.facts))
    for name in ("models", "flags"):
        old.facts[name] = old.facts[name] + [entry for entry in new.facts[name] if entry not in old.facts[name]]
    return old


def _must_agree(facts: Dict[str, Any]) -> Dict[str, Any]:
    """The facts that all measurements of one table share."""
    shared = {name: facts[name] for name in ("board", "engine", "precision", "batch")}
    shared["power mode"] = facts["power_mode"]
    shared["highest clock of the GPU in MHz"] = facts["machine"].get("gpu_max_mhz")
    shared["CPU"] = facts["machine"].get("cpu")
    return shared
