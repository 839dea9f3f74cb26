"""Records: what a bundle keeps of its own models, so that `edgesynth verify` can tell whether they still hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgesynth.benchmark.bundle.bundle import LAYERS
from edgesynth.benchmark.bundle.samples import Samples, read_samples
from edgesynth.benchmark.verify.layer_bisect import sketch_layers, write_layers
from edgesynth.benchmark.verify.verification import HALF_STORAGE, figures_of
from edgesynth.export.half.half import KEY as HALF
from edgesynth.export.onnx.onnx_file import data_file
from edgesynth.files.npz_file import array_headers


def record_samples(
    folder: Path, file: str, models: dict[str, dict[str, Any]], metric: str, decoding: dict[str, Any]
) -> None:
    """Enter into each model's facts the metric of its outputs on the bundle's samples.

    Args:
        folder: holds the models and the samples.
        file: the samples' name.
        models: {key: facts of the model's file}; `samples` is added to each.
        metric: name of the task's metric.
        decoding: how the outputs are to be read.
    """
    samples = _samples(folder / file, metric, decoding)
    for key, facts in models.items():
        half = key == HALF
        facts["samples"] = figures_of(str(folder / facts["file"]), samples, facts["batch"], half)._asdict()
        if half:
            facts["samples"][HALF_STORAGE] = True


def record_layers(model: Path, samples: Path, batch: int | None) -> None:
    """Write layers.npz beside a model: sketches of its tensors; none where its weights lie in a file of their own.

    Args:
        model: the fp32 ONNX file.
        samples: the bundle's samples.
        batch: images per run that the model is fixed to; None if it takes any.
    """
    if data_file(model) is not None:
        return
    layers, tensors = _layers(model)
    sketches = sketch_layers(str(model), _samples(samples, ""), batch or 1, layers, tensors)
    write_layers(str(model.with_name(LAYERS)), sketches)


def _samples(path: Path, metric: str, decoding: dict[str, Any] | None = None) -> Samples:
    shape = array_headers(str(path), ["images"])["images"].shape[1:]
    return read_samples(str(path), shape, metric, decoding)


def _layers(model: Path) -> tuple[list[str], list[str]]:
    """What writes each float tensor of a model, such as `Conv /conv1/Conv`, and the tensor's name."""
    import onnx

    graph = onnx.shape_inference.infer_shapes(onnx.load(str(model))).graph
    kinds = {value.name: value.type.tensor_type.elem_type for value in (*graph.value_info, *graph.output)}
    named = [
        (f"{node.op_type} {node.name or tensor}", tensor)
        for node in graph.node
        for tensor in node.output
        if kinds.get(tensor) == onnx.TensorProto.FLOAT
    ]
    return [layer for layer, _ in named], [tensor for _, tensor in named]
