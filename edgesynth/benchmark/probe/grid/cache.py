"""The file of this machine's grid: one for each hardware, engine and version, precision, threads and batch.

It lies in the user's cache folder. A probe of another network adds what is missing.
"""

import hashlib
import json
import os
import time
from typing import Any, Dict, List

from edgesynth.benchmark.conditions.machine import describe_machine
from edgesynth.benchmark.probe.agreement import check_agreement
from edgesynth.benchmark.probe.grid.settings import GridSettings
from edgesynth.benchmark.result.flags import flags_of_machine
from edgesynth.boards.detect import detect_board
from edgesynth.boards.probed.grid import KIND, SCHEMA, Grid, read_grid
from edgesynth.files.user_cache import user_cache


def folder() -> str:
    """Where the files lie: `edgesynth/grids` in $XDG_CACHE_HOME, or in ~/.cache."""
    return user_cache("grids")


def path_of(engine: Dict[str, Any], settings: GridSettings, root: str = "/") -> str:
    """The file of this machine.

    Args:
        engine: as it describes itself.
        settings: of the probe.
        root: folder that holds `proc`, `sys`, `etc` and `tmp`, from which the machine is described.
    """
    key = key_of(_facts(engine, settings, root))
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode("utf-8")).hexdigest()[:12]
    name = "{engine}-{version}-{precision}-threads{threads}-batch{batch}".format(**key)
    safe = "".join(letter if letter.isalnum() or letter in "-." else "_" for letter in name)
    return os.path.join(folder(), "{}-{}.json".format(safe, digest))


def open_grid(
    path: str, engine: Dict[str, Any], flags: List[str], call_ms: float, settings: GridSettings, root: str = "/"
) -> Grid:
    """The grid of a file, to be added to; a new one where there is no file.

    Args:
        path: of the file.
        engine: as it describes itself.
        flags: of the engine.
        call_ms: what a call costs beside its kernels, as measured now; the shorter of this and the file's counts.
        settings: of the probe.
        root: see `path_of`.

    Raises:
        UserError: the file is no grid, or one of another machine, engine or setting.
    """
    facts = _facts(engine, settings, root)
    facts["flags"] += flags
    new = Grid(
        dict(
            facts,
            schema=SCHEMA,
            kind=KIND,
            created_utc=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            models=[],
            loads=[],
            duration_s=0.0,
            call_ms=round(call_ms, 6),
        ),
        path,
    )
    if not os.path.exists(path):
        return new
    old = read_grid(path)
    check_agreement(path, "grid", key_of(old.facts), key_of(new.facts))
    old.facts["flags"] += [flag for flag in new.facts["flags"] if flag not in old.facts["flags"]]
    old.facts["call_ms"] = min(old.call_ms, new.call_ms)
    return old


def key_of(facts: Dict[str, Any]) -> Dict[str, Any]:
    """What two measurements must have in common to be in one grid, read from its facts."""
    machine = facts["machine"]
    return {
        "CPU": machine.get("cpu"),
        "architecture": machine.get("architecture"),
        "board": facts["board"],
        "power_mode": machine.get("power_mode"),
        "engine": facts["engine"]["name"],
        "version": facts["engine"]["version"],
        "precision": facts["precision"],
        "threads": facts["threads"],
        "batch": facts["batch"],
    }


def _facts(engine: Dict[str, Any], settings: GridSettings, root: str) -> Dict[str, Any]:
    machine = describe_machine(root)
    board = detect_board(root).board
    return {
        "machine": machine,
        "board": board.name if board is not None else None,
        "engine": engine,
        "precision": settings.precision,
        "threads": settings.threads,
        "batch": settings.batch,
        "flags": flags_of_machine(machine, settings.threads),
    }
