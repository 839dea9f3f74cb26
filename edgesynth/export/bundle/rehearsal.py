"""Rehearsal: before training, every file of a bundle is written for the ancestor once, and each is run.

An export that would fail after hours of training fails now, in a second or two. Three images are used and nothing is
clipped. What depends on trained weights, such as the loss by INT8, is left to the export.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from edgesynth.defaults import LICENSE
from edgesynth.errors import UserError
from edgesynth.export.bundle.bare_bundle import complete
from edgesynth.export.bundle.bundle import MODEL, SAMPLES
from edgesynth.export.bundle.ledger import Ledger
from edgesynth.export.bundle.manifest import build_manifest
from edgesynth.export.bundle.readme.readme import readme
from edgesynth.export.bundle.records import record_layers
from edgesynth.export.bundle.samples import check_labels, some_images, write_samples
from edgesynth.export.onnx.exporters import OUTPUT, Exporter, newer_opset
from edgesynth.export.onnx.onnx_file import to_onnx
from edgesynth.export.onnx.planned.older_opsets import keep_refused
from edgesynth.export.onnx.runtime import run_onnx
from edgesynth.importing import quoted
from edgesynth.lineage import Config, Genome, Individual, Record, Species, board_of, state
from edgesynth.planning.onnx.onnx_graph import read_graph
from edgesynth.planning.parsers.operators import check_graph
from edgesynth.planning.parsers.parser import parser_of
from edgesynth.planning.plan.plan import choose_tensorrt
from edgesynth.tasks import Split, Task

IMAGES = 3
# Rounding stays far below it, also in untrained networks; a wrong file does not.
MAX_ERROR = 1e-2
NO_INT8 = "there will be no INT8 of this network"


def rehearse(
    config: Config, kind: Species, task: Task, weights: Mapping[str, Tensor] | None, bred: Mapping[str, str]
) -> list[str]:
    """Refuse a run whose individuals no export could write.

    Args:
        config: of the run.
        kind: its species.
        task: its task.
        weights: that the ancestor begins with; None for those that were drawn.
        bred: {weight: precision} that grown individuals are to have.

    Returns:
        What is to be known of the files: that there is no INT8, or what the run's board does not parse.

    Raises:
        UserError: a bundle cannot be written, or would not answer as the network does.
    """
    genome = Genome.unpruned(kind.anatomy)
    record = Record(0, 0, (), 0.0, True, genome.census(kind.anatomy))
    network = kind.removed(Individual(record, genome, dict(weights or state(kind.model))))
    images = some_images(task, IMAGES, config.seed)
    check_labels(task, task.load_test())
    expected = _answers(config.ancestor, network, images)
    with tempfile.TemporaryDirectory(prefix="edgesynth-") as temporary:
        folder = Path(temporary)
        exporter = _write_plain(config, network, images, expected, folder)
        models = complete(folder, network, task.input_shape, "fp16", {}, lambda: images)
        for facts in models.values():
            run_onnx(folder / facts["file"], images)
        kept = write_samples(folder / SAMPLES, images, Split(images, torch.zeros(len(images))), expected, config.seed)
        record_layers(folder / MODEL, folder / SAMPLES, None)
        _describe(task, record, models, kept, expected, exporter)
        notes = _unparsed(config, network, task.input_shape, folder / MODEL)
        if expected.isfinite().all():  # else untrained weights may overflow, and nothing has a range
            notes += _write_int8(network, task, bred, images, folder)
        return notes


def _answers(ancestor: str, network: nn.Module, images: Tensor) -> Tensor:
    """Outputs for the images in one batch; each image alone, and a second run, must give the same.

    Raises:
        UserError: it is not.
    """
    with torch.no_grad():
        together, again = network(images), network(images)
        alone = torch.cat([network(image[None]) for image in images])
    if not _alike(again, together):
        raise UserError(
            f"the ancestor {ancestor} answers the same images differently each time, so no file can answer as it does; "
            "let it draw nothing by chance in evaluation, as F.dropout does unless it is given training=self.training"
        )
    if not _alike(alone, together):
        raise UserError(
            f"the ancestor {ancestor} answers an image otherwise alone than beside others, and a board gives it one at "
            f"a time; {_unnormalized(network)}"
        )
    return together


def _unnormalized(network: nn.Module) -> str:
    """Advice for a network whose outputs depend on the batch."""
    untracked = [
        f"{name} ({type(module).__name__})"
        for name, module in network.named_modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.running_mean is None
    ]
    if not untracked:
        return "let its forward compute each image by itself"
    return (
        f"let {', '.join(untracked)} keep running statistics (track_running_stats=True), or normalize each image by "
        "itself (nn.GroupNorm)"
    )


def _write_plain(config: Config, network: nn.Module, images: Tensor, expected: Tensor, folder: Path) -> Exporter:
    """Write the plain model and hold it to the network.

    Raises:
        UserError: it cannot be written; with the opset at which it can, if there is one.
    """
    shape = tuple(images.shape[1:])
    try:
        exporter = to_onnx(network, shape, folder / MODEL, config.opset)
    except UserError as error:
        raise UserError(f"no individual could be exported: {error}{_way_out(network, shape, config.opset)}") from error
    if not _alike(run_onnx(folder / MODEL, images), expected):
        raise UserError(
            f"no individual could be exported: the ONNX file of {config.ancestor} does not answer as the network does; "
            "please report this with the network's code"
        )
    return exporter


def _way_out(network: nn.Module, shape: Sequence[int], opset: int) -> str:
    """Advice to take a newer opset, at which the network can be written; empty if there is none."""
    newer = newer_opset(network, shape, opset)
    if newer is None:
        return ""
    with tempfile.TemporaryDirectory(prefix="edgesynth-") as folder:
        try:
            to_onnx(network, shape, Path(folder) / MODEL, newer)
        except UserError:  # it is no matter of the opset
            return ""
    return f"; or give --opset {newer}, for a TensorRT that reads it (8.2, of the TX1 and TX2, ends at 13)"


def _write_int8(network: nn.Module, task: Task, bred: Mapping[str, str], images: Tensor, folder: Path) -> list[str]:
    """Quantize in each dialect and run the files; only a run that trains for INT8 needs them.

    Returns:
        Why there is no INT8.

    Raises:
        UserError: there is none, and layers are bred as integers.
    """
    try:
        models = complete(folder, network, task.input_shape, "int8", bred, lambda: images)
        for facts in models.values():
            run_onnx(folder / facts["file"], images)
    except (OSError, MemoryError):
        raise
    except Exception as error:  # ONNX Runtime's quantizer raises whatever it stumbles over
        why = str(error).partition(";")[0] if isinstance(error, UserError) else quoted(error)
        if any(precision.startswith("int") for precision in bred.values()):
            raise UserError(
                f"no INT8 could be exported of what is bred for it: {why}; give --precision fp16"
            ) from error
        return [f"{NO_INT8}, so export without --int8 ({why})"]
    return []


def _describe(
    task: Task,
    record: Record,
    models: dict[str, dict[str, Any]],
    samples: dict[str, Any],
    expected: Tensor,
    exporter: Exporter,
) -> None:
    """Write down what goes into the manifest and the README.

    Raises:
        UserError: the task says something of itself that they cannot hold.
    """
    shape = tuple(expected.shape[1:])
    try:
        decoding = task.decoding_of(shape)
        output = {"name": OUTPUT, "shape": list(shape), "decoding": decoding}
        manifest = build_manifest(task, [record], models, [], Ledger(lambda outputs: 0.0), output, exporter, LICENSE)
        manifest["samples"] = samples
        json.dumps(manifest)
        readme(manifest, task.presentation(decoding))
    except Exception as error:  # the task's own words may be anything
        raise UserError(
            f"no individual could be exported: the manifest and the README cannot hold what the task {task.name} says "
            f"of itself ({quoted(error)}); look at its preprocessing and decoding"
        ) from error


def _unparsed(config: Config, network: nn.Module, shape: Sequence[int], model: Path) -> list[str]:
    """What the newest TensorRT of the run's board refuses of the plain model, the first reason alone."""
    board = board_of(config)
    if board is None:
        return []
    parser = parser_of(choose_tensorrt(board, None)[0])
    keep_refused(model, network, shape, config.opset)
    fatal = [finding for finding in check_graph(read_graph(str(model)), parser) if finding.fatal]
    return [f"{parser.name} of {board.title} would refuse the model: {fatal[0]}"] if fatal else []


def _alike(answers: Tensor, expected: Tensor) -> bool:
    """Whether outputs (N, ...) are as expected up to rounding; true where untrained weights overflow."""
    if answers.shape != expected.shape:
        return False
    if not expected.isfinite().all():
        return True
    return float((answers - expected).abs().max()) <= MAX_ERROR * float(expected.abs().max())
