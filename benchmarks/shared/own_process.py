"""Rows of a study that are each measured in a process of their own, and kept as they come."""

from __future__ import annotations

import json
import subprocess
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgesynth.lineage.storage.files import write_json


def kept_row(file: Path, study: str, options: Sequence[str], timeout_s: float) -> dict[str, Any]:
    """The row of a file; if there is none, a process is started, which is to write it.

    Args:
        file: where the row is kept.
        study: name of its folder, whose `run` the process runs.
        options: of that command.
        timeout_s: time after which the process is stopped.

    Returns:
        What the process wrote; its `status` (`timed out` or `crashed`) and `failure` if it wrote nothing.
    """
    if not file.is_file():
        call = [sys.executable, "-m", f"benchmarks.{study}.run", *options]
        try:
            result = subprocess.run(call, capture_output=True, text=True, timeout=timeout_s)
        except subprocess.TimeoutExpired:
            write_json(file, {"status": "timed out", "failure": f"not finished after {timeout_s} s"})
        else:
            if not file.is_file():
                last = (result.stderr.strip().splitlines() or ["no message"])[-1][:200]
                write_json(file, {"status": "crashed", "failure": f"exit code {result.returncode}: {last}"})
    row: dict[str, Any] = json.loads(file.read_text())
    return row


def crashed(error: Exception) -> dict[str, str]:
    """The row of a measurement that raised: what, and where."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    text = (str(error).splitlines() or [""])[0][:160]
    place = f"{Path(frame.filename).name}:{frame.lineno}"
    return {"status": "crashed", "failure": f"{type(error).__name__}: {text} ({place})"}
