"""One network of the export zoo: cut to half, written in every form, each compared with the one before."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.anatomy_zoo.networks import build, example
from benchmarks.anatomy_zoo.ours import halves
from edgesynth.anatomy import prove, prove_groups, remove, trace
from edgesynth.benchmark.measure.quick import compare_models
from edgesynth.export import to_onnx
from edgesynth.export.calibration import bounds_of, observe
from edgesynth.export.half.half import to_half
from edgesynth.export.int8.dialects import DIALECTS
from edgesynth.export.int8.int8 import quantize
from edgesynth.export.onnx.onnx_file import OPSET
from edgesynth.export.onnx.runtime import run_onnx
from edgesynth.nurture import outputs
from edgesynth.planning.onnx.onnx_graph import read_graph
from edgesynth.planning.parsers.operators import check_graph
from edgesynth.planning.parsers.parser import parser_of

TENSORRT = (8, 2)
CALIBRATION, TEST = 16, 32  # images
METHOD = "entropy"  # the slowest of the four: seconds hold for any


def measure(name: str, folder: Path) -> dict[str, Any]:
    """Figures of a network; its files stay in the folder.

    Its weights are random, so there is no accuracy: INT8 is judged by the signal to noise ratio of the outputs.
    """
    model, images = build(name), example(name, TEST + CALIBRATION)
    shape, test, calibration = tuple(images.shape[1:]), images[:TEST], images[TEST:]
    seconds: dict[str, float] = {}

    def timed(step: str, work: Callable[[], Any]) -> Any:
        start = time.perf_counter()
        done = work()
        seconds[step] = time.perf_counter() - start
        return done

    anatomy = timed("trace", lambda: trace(model, (images[:2],)))
    anatomy = timed("prove", lambda: prove_groups(model, anatomy, (images[:2],)))
    kept = halves(anatomy)
    proof = prove(model, anatomy, kept, (test[:4],))
    small = timed("remove", lambda: remove(model, anatomy.plan(kept)).to(memory_format=torch.channels_last))
    expected = outputs(small, test)
    files = {"fp32": folder / "model.onnx", "fp16": folder / "model.fp16.onnx"}
    timed("onnx", lambda: to_onnx(small, shape, files["fp32"]))
    timed("fp16", lambda: to_half(files["fp32"], files["fp16"]))
    bounds = timed("calibrate", lambda: bounds_of(observe(files["fp32"], calibration), METHOD))
    for dialect in DIALECTS:
        files[dialect.key] = folder / dialect.file
        timed(dialect.key, lambda dialect=dialect: quantize(files["fp32"], dialect, bounds, files[dialect.key]))  # type: ignore[misc]
    results = {key: run_onnx(path, test) for key, path in files.items()}
    before, after = anatomy.census(), anatomy.census(kept)
    return {
        "opset": OPSET,
        "macs": before.macs,
        "macs_after": after.macs,
        "params_after": after.params,
        "removed_max_rel": proof.max_rel,
        "hops": {key: compared(got, expected if key == "fp32" else results["fp32"]) for key, got in results.items()},
        "refused_by_tensorrt_8_2": refusals(files),
        "bytes": {key: path.stat().st_size for key, path in files.items()},
        "seconds": seconds,
        "export_s": sum(
            seconds[step] for step in ("onnx", "fp16", "calibrate", *(dialect.key for dialect in DIALECTS))
        ),
    }


def compared(got: Tensor, expected: Tensor) -> dict[str, float]:
    """Largest error over the largest magnitude, and power of the signal over that of the error in dB."""
    error = (got - expected).double()
    energy = error.square().sum().item()
    return {
        "max_rel": (error.abs().max() / expected.abs().max()).item(),
        "snr_db": 10 * torch.log10(expected.double().square().sum() / max(energy, 1e-300)).item(),
    }


def refusals(files: dict[str, Path]) -> list[str]:
    """What TensorRT 8.2's parser refuses of the two files that it would be given."""
    parser = parser_of(TENSORRT)
    findings_of = {key: check_graph(read_graph(str(files[key])), parser) for key in ("fp32", "int8")}
    return [f"{key}: {finding}" for key, findings in findings_of.items() for finding in findings if finding.fatal]


def speed(folder: Path, name: str) -> dict[str, float]:
    """Median milliseconds of the fp32 and the int8-cpu file, interleaved, one image; how many times faster INT8 is."""
    files = {"fp32": folder / "model.onnx", "int8-cpu": folder / "model.int8-cpu.onnx"}
    shape = tuple(example(name).shape[1:])
    models = compare_models(files, shape, batch=1, duration_s=5.0, threads=torch.get_num_threads())["models"]
    fp32, int8 = (models[key]["latency_ms"]["p50"] for key in files)
    return {"fp32_ms": fp32, "int8_cpu_ms": int8, "times_faster": fp32 / int8}
