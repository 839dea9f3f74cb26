"""Quick latencies of bare ONNX files, on noise, with ONNX Runtime on the CPU."""

from typing import Any, Dict, Optional, Sequence

from edgesynth.benchmark.bundle.bundle import open_bare_model
from edgesynth.benchmark.engines.onnxruntime import OnnxRuntime
from edgesynth.benchmark.measure.configurations import load
from edgesynth.benchmark.measure.figures import figures_of
from edgesynth.benchmark.measure.settings import Settings, check_settings
from edgesynth.benchmark.power import NoPower
from edgesynth.benchmark.result.flags import flags_of_latency
from edgesynth.benchmark.timing.timing import spread, time_interleaved
from edgesynth.errors import UserError


def measure_model(
    path: str,
    input_shape: Optional[Sequence[int]] = None,
    batch: int = 1,
    duration_s: float = 0.3,
    threads: int = 1,
    warm_up_s: float = 0.1,
) -> Dict[str, Any]:
    """Quick latency of one ONNX file with ONNX Runtime on the CPU, on noise.

    Args:
        path: the file.
        input_shape: (C, H, W) that the file must have; None for whatever it has.
        batch: images per inference.
        duration_s: timed seconds.
        threads: threads of the engine.
        warm_up_s: untimed seconds before.

    Returns:
        `latency_ms` (see `timing.spread`), `throughput_images_per_s`, `bytes`, `batch`, `flags`.

    Raises:
        UserError: a setting is out of range, or the file is not an ONNX model of that shape.
    """
    compared = compare_models({"model": path}, input_shape, batch, duration_s, threads, warm_up_s)
    figures = compared["models"]["model"]
    del figures["speedup"]
    return figures


def compare_models(
    paths: Dict[str, str],
    input_shape: Optional[Sequence[int]] = None,
    batch: int = 1,
    duration_s: float = 1.0,
    threads: int = 1,
    warm_up_s: float = 0.1,
) -> Dict[str, Any]:
    """Latencies of several ONNX files, timed interleaved in one run.

    Args:
        paths: file of each name, at least one; the first is the reference.
        input_shape: (C, H, W) that each file must have; None for whatever it has.
        batch: images per inference.
        duration_s: timed seconds for each.
        threads: threads of the engine.
        warm_up_s: untimed seconds for each before.

    Returns:
        `reference` (its name), `engine`, and `models`: of each name the figures of `measure_model` and `speedup`, the
        reference's median latency over its own (above 1: faster).

    Raises:
        UserError: a setting is out of range, or a file is not an ONNX model of that shape.
    """
    if not paths:
        raise UserError("there is no model to compare; give at least one ONNX file")
    settings = Settings((batch,), duration_s, warm_up_s, threads)
    check_settings(settings)
    configurations = []
    for path in paths.values():
        target = open_bare_model(path)
        if input_shape is not None:
            target = target._replace(input_shape=tuple(input_shape))
        ((precision, model),) = target.models.items()
        configurations.append(load(target, OnnxRuntime, precision, model, batch, threads))
    tracks = time_interleaved(
        [configuration.run for configuration in configurations], duration_s, warm_up_s, NoPower("not asked for")
    )
    spreads = [spread(track.latencies_ms) for track in tracks]
    models = {}
    for name, configuration, track, latency in zip(paths, configurations, tracks, spreads):
        models[name] = dict(
            figures_of(configuration, track, latency), batch=batch, speedup=spreads[0]["p50"] / latency["p50"]
        )
        models[name]["flags"] = flags_of_latency(latency)
    return {"reference": next(iter(paths)), "engine": configurations[0].engine.describe(), "models": models}
