"""The clock: ONNX files timed by turns with ONNX Runtime on this machine's CPU.

A latency is the least of the medians of many short windows: other work on the machine makes windows longer, never
shorter.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgesynth.benchmark.conditions.machine import cpu_name
from edgesynth.benchmark.engines.onnxruntime import OnnxRuntime
from edgesynth.benchmark.power import NoPower
from edgesynth.benchmark.timing.timing import shortest_ms, time_interleaved
from edgesynth.defaults import THREADS

WINDOW_S = 0.02
SEARCH_WINDOWS, FINAL_WINDOWS = 10, 50  # of each network, while searching and of those that the result is about
WARM_UP_S = 0.05
SEARCH_S = 30.0  # no level of the search is begun that would last longer


class Clock:
    """Times files of one network, on noise.

    Args:
        input_shape: (C, H, W).
        batch: images per run.
    """

    def __init__(self, input_shape: Sequence[int], batch: int = 1) -> None:
        self.batch = batch
        self._images = np.random.default_rng(0).standard_normal((batch, *input_shape), dtype=np.float32)
        self._begun_s = time.monotonic()
        self._networks = 0

    def speed_ups(self, reference: Path, others: Sequence[Path]) -> list[float]:
        """How many times as fast as the reference each of the others is."""
        self._networks += len(others)
        reference_ms, *others_ms = self._latencies_ms([reference, *others], SEARCH_WINDOWS)
        return [reference_ms / other_ms for other_ms in others_ms]

    def latencies_ms(self, files: Mapping[str, Path]) -> dict[str, float]:
        """The latency of each file, timed longer than in a search."""
        return dict(zip(files, self._latencies_ms(list(files.values()), FINAL_WINDOWS), strict=True))

    def affords(self, networks: int) -> bool:
        """Whether the search can go on with so many more networks, which take as long as those before."""
        spent_s = time.monotonic() - self._begun_s
        return spent_s * (1 + networks / max(self._networks, 1)) <= SEARCH_S

    @property
    def facts(self) -> dict[str, Any]:
        """The conditions: `cpu`, `engine` (name and version), `batch`, `threads`."""
        engine = OnnxRuntime().describe()
        version = f"{engine['name']} {engine['version']}"
        return {"cpu": cpu_name(), "engine": version, "batch": self.batch, "threads": THREADS}

    def _latencies_ms(self, files: Sequence[Path], windows: int) -> list[float]:
        engines = [OnnxRuntime() for _ in files]
        for engine, path in zip(engines, files, strict=True):
            engine.load(str(path), "as-is", self.batch, THREADS)
        calls = [functools.partial(engine.run, self._images) for engine in engines]
        tracks = time_interleaved(calls, windows * WINDOW_S, WARM_UP_S, NoPower("not asked for"), WINDOW_S)
        return [shortest_ms(track) for track in tracks]
