"""Latency of several ONNX files, by turns: what slows the machine down for a while slows all of them."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from edgesynth.benchmark.bundle.samples import NoSamples
from edgesynth.benchmark.engines.onnxruntime import OnnxRuntime
from edgesynth.benchmark.power import NoPower
from edgesynth.benchmark.timing.timing import shortest_ms, spread, time_interleaved

DURATION_S, WINDOW_S, WARM_UP_S = 2.0, 0.02, 0.2  # of each file


def measure(
    files: Mapping[str, str], precision: str = "fp32", duration_s: float = DURATION_S
) -> dict[str, dict[str, float]]:
    """Time files of one input shape with ONNX Runtime, one thread, one image.

    Args:
        files: {name: path}.
        precision: as the engine names it.
        duration_s: timed seconds of each.

    Returns:
        {name: {"p50": ms, ..., "quiet": median of the quietest window in ms}}.
    """
    engines = []
    for path in files.values():
        engines.append(OnnxRuntime())
        engines[-1].load(path, precision, 1, 1)
    images = [NoSamples("random images").batch_of(1, engine.input_shape) for engine in engines]
    calls = [functools.partial(engine.run, image) for engine, image in zip(engines, images, strict=True)]
    tracks = time_interleaved(calls, duration_s, WARM_UP_S, NoPower("not asked for"), window_s=WINDOW_S)
    return {
        name: dict(spread(track.latencies_ms), quiet=shortest_ms(track))
        for name, track in zip(files, tracks, strict=True)
    }
