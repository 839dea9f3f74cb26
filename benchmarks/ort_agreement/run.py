"""Our median latency beside ONNX Runtime's own, of the same models in the same run.

    python -m benchmarks.ort_agreement.run

ONNX Runtime's `onnxruntime_perf_test` is not in its Python package. What it measures itself there is its profiler: an
event `model_run` around every run, timed within the library by its own clock. We time the very calls that it profiles,
as `edgesynth benchmark` does, and hold the medians of each window against each other: what lies outside of that event
(from Python into the library and back, what is set up and released around a run) is in ours alone. Beside it, our
median of a session without the profiler, in windows that alternate with those: the profiler slows the session that it
watches, by an event for each operator.

The models are convolutions with random weights: how long they take does not depend on the weights.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from benchmarks.shared.tables import write_table
from edgesynth.benchmark.bundle.bundle import open_bare_model
from edgesynth.benchmark.conditions.machine import describe_machine
from edgesynth.benchmark.engines.onnxruntime import OnnxRuntime
from edgesynth.benchmark.measure.configurations import load
from edgesynth.benchmark.power import NoPower
from edgesynth.benchmark.timing.timing import Track, spread
from edgesynth.lineage.storage.files import write_json

HERE = Path(__file__).resolve().parent
WANTED_PERCENT = 3.0
# name: (channels, layers, pixels on a side)
MODELS = {"tiny": (16, 3, 28), "small": (32, 8, 32), "medium": (64, 8, 56)}
NOBODY = NoPower("not asked for")


def main() -> None:
    """Measure, and write the result and its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=20, help="windows of each kind, for each model")
    parser.add_argument("--window-s", type=float, default=0.25, help="length of a window")
    parser.add_argument("--trial", action="store_true", help="print only")
    arguments = parser.parse_args()

    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, (channels, layers, side) in MODELS.items():
            path = write_model(Path(folder) / f"{name}.onnx", channels, layers, side)
            rows[name] = agreement(path, arguments.pairs, arguments.window_s)
            print(name, json.dumps(rows[name]), flush=True)
    document = {
        "benchmark": "ort_agreement",
        "machine": describe_machine(),
        "onnxruntime": onnxruntime.__version__,
        "pairs": arguments.pairs,
        "window_s": arguments.window_s,
        "wanted_percent": WANTED_PERCENT,
        "models": rows,
    }
    if not arguments.trial:
        write_json(HERE / "result.json", document)
        write_table(HERE / "README.md", "ort_agreement", table(document))


def write_model(path: Path, channels: int, layers: int, side: int) -> Path:
    """A chain of 3x3 convolutions, each with ReLU."""
    rng = np.random.default_rng(0)
    nodes, weights, x = [], [], "images"
    for layer in range(layers):
        size = (channels, 3 if layer == 0 else channels, 3, 3)
        weights.append(numpy_helper.from_array(rng.normal(0, 0.05, size).astype(np.float32), f"w{layer}"))
        nodes.append(helper.make_node("Conv", [x, f"w{layer}"], [f"c{layer}"], pads=[1, 1, 1, 1]))
        nodes.append(helper.make_node("Relu", [f"c{layer}"], [f"r{layer}"]))
        x = f"r{layer}"
    nodes.append(helper.make_node("GlobalAveragePool", [x], ["pooled"]))
    graph = helper.make_graph(
        nodes,
        "chain",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, side, side])],
        [helper.make_tensor_value_info("pooled", TensorProto.FLOAT, [1, channels, 1, 1])],
        weights,
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7), str(path))
    return path


def agreement(path: Path, pairs: int, window_s: float) -> dict[str, Any]:
    """Medians of one model, and how far ours is from ONNX Runtime's."""
    target = open_bare_model(str(path))
    ((precision, model),) = target.models.items()
    ours = load(target, OnnxRuntime, precision, model, 1, 1)
    images = target.samples.batch_of(1, ours.engine.input_shape)
    session = profiled(path)

    def watched() -> Any:
        return session.run(None, {"images": images})

    ours_ms: list[list[float]] = []
    watched_ms: list[list[float]] = []
    counts: list[int] = []
    for turn in range(pairs):
        order = [False, True] if turn % 2 else [True, False]
        for with_profiler in order:
            latencies_ms = window(watched if with_profiler else ours.run, window_s)
            (watched_ms if with_profiler else ours_ms).append(latencies_ms)
            if with_profiler:
                counts.append(len(latencies_ms) + 1)  # one call settles before the window
    own_ms = model_runs_ms(Path(session.end_profiling()))
    if len(own_ms) != sum(counts):
        raise RuntimeError(f"ONNX Runtime tells of {len(own_ms)} runs and {sum(counts)} were made")
    theirs_ms, begin = [], 0
    for count in counts:
        theirs_ms.append(own_ms[begin + 1 : begin + count])
        begin += count
    medians = [list(map(statistics.median, windows)) for windows in (watched_ms, theirs_ms, ours_ms)]
    ratios = [a / b for a, b in zip(medians[0], medians[1], strict=True)]
    without = [a / b for a, b in zip(medians[2], medians[1], strict=True)]
    p50s = [
        spread([latency_ms for each in windows for latency_ms in each])["p50"]
        for windows in (watched_ms, theirs_ms, ours_ms)
    ]
    return {
        "ours_p50_ms": p50s[0],
        "onnxruntime_p50_ms": p50s[1],
        "differ_percent": 100 * (statistics.median(ratios) - 1),
        "differ_percent_95": [100 * (bound - 1) for bound in median_interval(ratios)],
        "differ_us": 1e3 * statistics.median([a - b for a, b in zip(medians[0], medians[1], strict=True)]),
        "unprofiled_p50_ms": p50s[2],
        "unprofiled_differ_percent": 100 * (statistics.median(without) - 1),
        "calls": sum(map(len, theirs_ms)),
    }


def window(call: Callable[[], Any], window_s: float) -> list[float]:
    """Latencies of one window as `edgesynth benchmark` takes them, ms."""
    track = Track()
    track.window(call, window_s, NOBODY)
    return track.latencies_ms


def profiled(path: Path) -> Any:
    """A session as ours, with ONNX Runtime's profiler."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.enable_profiling = True
    options.profile_file_prefix = str(path.with_suffix(""))
    return onnxruntime.InferenceSession(str(path), options, providers=[OnnxRuntime.provider])


def model_runs_ms(profile: Path) -> list[float]:
    """ONNX Runtime's own latency of every run, in the order of time, ms."""
    events = json.loads(profile.read_text())
    runs = [event for event in events if event.get("cat") == "Session" and event["name"] == "model_run"]
    return [event["dur"] / 1e3 for event in sorted(runs, key=lambda event: event["ts"])]


def median_interval(values: list[float]) -> tuple[float, float]:
    """95 % interval of a median, by ranks."""
    ascending, reach = sorted(values), 0.98 * math.sqrt(len(values))
    low = max(math.floor(len(values) / 2 - reach), 0)
    high = min(math.ceil(len(values) / 2 + reach), len(values) - 1)
    return ascending[low], ascending[high]


def table(document: dict[str, Any]) -> str:
    """The rows as Markdown."""
    lines = [
        "| network | calls | our p50, ms | ONNX Runtime's, ms | ours differs by (95 %) | per call | within 3 % | "
        "ours without the profiler, ms |",
        "|---|---:|---:|---:|---:|---:|---|---:|",
    ]
    for name, row in document["models"].items():
        channels, layers, side = MODELS[name]
        low, high = row["differ_percent_95"]
        lines.append(
            f"| {layers} convolutions of {channels} channels, {side} x {side} | {row['calls']} | "
            f"{row['ours_p50_ms']:.3f} | "
            f"{row['onnxruntime_p50_ms']:.3f} | {row['differ_percent']:+.1f} % ({low:+.1f} to {high:+.1f}) | "
            f"{row['differ_us']:+.1f} us | {'yes' if abs(row['differ_percent']) <= WANTED_PERCENT else 'no'} | "
            f"{row['unprofiled_p50_ms']:.3f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
