"""Choosing: of all ways to quantise a model in a dialect, the one that keeps the most validation accuracy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from edgesynth.errors import UserError
from edgesynth.export.calibration import METHODS, Bounds, Histogram, bounds_of
from edgesynth.export.dialects import Dialect
from edgesynth.export.guard import Guarded, guard, layers_of
from edgesynth.export.int8 import quantise
from edgesynth.export.learned import LearnedScales, with_learned
from edgesynth.export.runtime import run_onnx
from edgesynth.lineage.files import write_bytes
from edgesynth.tasks import Stored

if TYPE_CHECKING:
    import onnx

LEARNED = "learned"  # the method's name where training found every scale
PLAIN = "minmax"  # it clips nothing


@dataclass(frozen=True)
class Source:
    """What a model is quantised from.

    Attributes:
        model: a plain fp32 ONNX file.
        observed: {activation tensor: what calibration saw of it}.
        images: number of calibration images.
        validation: (N, C, H, W), float32: images of the validation split, in memory or on disk.
        score: the task's metric (percent, higher is better) of outputs (N, ...) on them.
        reference: that of the fp32 model.
        learned: scales that training found.
        kept: names of layers that stay in floating point because the individual was bred so.
    """

    model: Path
    observed: Mapping[str, Histogram]
    images: int
    validation: Tensor | Stored
    score: Callable[[Tensor], float]
    reference: float
    learned: LearnedScales = field(default_factory=dict)
    kept: tuple[str, ...] = ()


@dataclass(frozen=True)
class Calibrated:
    """How a quantised model was calibrated.

    Attributes:
        method: the method that was kept.
        images: number of calibration images.
        tried: {method: the task's metric on validation, percent}.
        learned: number of layers with scales from training.
        guarded: which layers were left in floating point, and why.
    """

    method: str
    images: int
    tried: dict[str, float]
    learned: int
    guarded: Guarded

    def to_json(self) -> dict[str, Any]:
        """Plain values, for the manifest."""
        return {
            "method": self.method,
            "images": self.images,
            "validation_accuracy_percent": self.tried,
            "learned_layers": self.learned,
            "guard": self.guarded.to_json(),
        }


def quantise_best(source: Source, dialect: Dialect, path: Path, max_loss: float) -> Calibrated:
    """Quantise by every calibration method and keep the one with the best validation score; the test split has no say.

    Where training has found the scales of every layer, they are the only method. What loses more than is allowed even
    so has its most sensitive layers put back to floating point.

    Args:
        source: the model, its ranges and its judge.
        dialect: how to write it.
        path: the file to write.
        max_loss: points of the metric that INT8 may cost on validation.

    Raises:
        UserError: the dialect quantises no layer of this network, or what was written is not what its runtime accepts.
    """
    import onnx

    plain = onnx.load(str(source.model))
    able = {node.name for node in plain.graph.node if dialect.quantises(node)}
    order = [name for name in layers_of(plain) if name in able and name not in source.kept]
    if not order:
        raise UserError(
            f"{dialect.file} cannot be written: of this network no layer can be INT8 there (matrix products such as "
            "linear layers on tokens stay in floating point, as does what was bred so); export without --int8"
        )
    layers = set(order)
    methods = [LEARNED] if layers and layers <= source.learned.keys() else METHODS
    ranges = {method: ranges_of(plain, source, method) for method in methods}
    tried: dict[str, float] = {}
    best = b""

    def judged(floating: tuple[str, ...], method: str) -> float:
        quantise(source.model, dialect, ranges[method], path, (*source.kept, *floating), source.learned)
        return source.score(run_onnx(path, source.validation))

    for method in methods:
        found = judged((), method)
        if not tried or found > max(tried.values()):
            best = path.read_bytes()
        tried[method] = found
    write_bytes(path, best)
    method = max(tried, key=lambda name: tried[name])
    guarded = guard(partial(judged, method=method), order, source.reference, tried[method], max_loss)
    return Calibrated(method, source.images, tried, len(layers & source.learned.keys()), guarded)


def ranges_of(plain: onnx.ModelProto, source: Source, method: str) -> Bounds:
    """The range of every activation: what training found, else what the method tells from the calibration images."""
    return with_learned(bounds_of(source.observed, PLAIN if method == LEARNED else method), plain, source.learned)
