"""Options of the functions, as types: a checker knows each by its name, and refuses one that is misspelt.

Each stands for an option of a command, with underscores, and means what `--help` says of it. A test holds them to what
the commands take. Those of `evolve` stand beside `Config`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict

from edgesynth.benchmark.engines.ways import Ways
from edgesynth.export import Layers, Progress, Target


class BundleOptions(TypedDict, total=False):
    """Options of `edgesynth export`, those of `edgesynth.export.export_individual`."""

    int8: bool
    samples: int
    max_int8_loss: float
    progress: Progress | None
    opset: int | None
    batch: int | None
    license: str
    nms_in_graph: bool
    tensorrt: str | None
    int8_cpu_target: Target
    int8_cpu_layers: Layers
    data_root: Path | None


class MeasureOptions(TypedDict, total=False):
    """Options of `edgesynth benchmark`, those of `edgesynth.benchmark.remote.Options`."""

    engine: str | None
    precisions: tuple[str, ...] | None
    batches: tuple[int, ...] | None
    duration_s: float
    warm_up_s: float
    idle_s: float | None
    threads: int
    scenario: str
    wait: str | None
    calibrate: str | None
    steady_s: float
    wattmeter: str | None
    rebuilds: int
    ways: Ways
    docker: bool
    python: str
