"""Calibration choice: of all ways to quantize a model in a dialect, the one with the best validation accuracy.

A way is a calibration method and a form of the weights. Nothing is timed, because the faster form is known; so the
choice is the same on every machine.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from torch import Tensor

from edgesynth.errors import UserError
from edgesynth.export.calibration import METHODS, Bounds, Histogram, bounds_of
from edgesynth.export.int8.accuracy_guard import GuardResult, guard_accuracy, layers_of, quantized_kinds
from edgesynth.export.int8.dialects import Dialect
from edgesynth.export.int8.int8 import quantize
from edgesynth.export.int8.learned import LearnedScales, with_learned
from edgesynth.export.int8.switching import switched_back
from edgesynth.export.int8.weight_forms import WeightForm
from edgesynth.export.onnx.runtime import run_onnx
from edgesynth.lineage.storage.files import write_bytes
from edgesynth.metrics.metric import ROUNDING_POINTS
from edgesynth.tasks import Stored

if TYPE_CHECKING:
    import onnx

LEARNED = "learned"  # the method's name where training found every scale
PLAIN = "minmax"  # it clips nothing
TIE_POINTS = 0.1  # by no more than this, or one image, a slower form of the weights is not the better one


@dataclass(frozen=True)
class Source:
    """The plain model and the data that it is quantized with.

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
    """How a quantized model was calibrated.

    Attributes:
        method: the method that was kept.
        weights: the form of the weights that was kept, or `learned`.
        images: number of calibration images.
        tried: {method, and the form where there are several: the task's metric on validation, percent}.
        learned: number of layers with scales from training.
        guarded: which layers were left in floating point, and why.
        beyond: {layer that the runtime cannot compute in INT8: why}.
    """

    method: str
    weights: str
    images: int
    tried: dict[str, float]
    learned: int
    guarded: GuardResult
    beyond: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain values, for the manifest."""
        return {
            "method": self.method,
            "weights": self.weights,
            "images": self.images,
            "validation_accuracy_percent": self.tried,
            "learned_layers": self.learned,
            "guard": self.guarded.to_json(),
            "beyond_runtime": self.beyond,
        }


class _Way(NamedTuple):
    """One way to quantize a model."""

    method: str
    form: WeightForm


def quantize_best(source: Source, dialect: Dialect, path: Path, max_loss: float) -> Calibrated:
    """Quantize in every way and keep the one with the best validation score; the test split is not used.

    Where training has learned the scales of every layer, they are the only way. If the best one still loses more than
    is allowed, the most sensitive layers are put back to floating point.

    Args:
        source: the model, its ranges and its judge.
        dialect: how to write it.
        path: the file to write.
        max_loss: points of the metric that INT8 may cost on validation.

    Raises:
        UserError: the dialect quantizes no layer of this network, or what was written is not what its runtime accepts.
    """
    import onnx

    plain = onnx.load(str(source.model))
    beyond = dialect.beyond(plain)
    able = {node.name for node in plain.graph.node if dialect.quantizes(node)} - beyond.keys()
    layers = [name for name in layers_of(plain) if name in able and name not in source.kept]
    if not layers:
        raise UserError(
            f"{dialect.file} cannot be written: of this network no layer can be INT8 there (matrix products such as "
            "linear layers on tokens stay in floating point, as does what was bred so); export without --int8"
        )
    learned = set(layers) <= source.learned.keys()
    forms = dialect.forms[:1] if learned else dialect.forms
    methods = [LEARNED] if learned else METHODS
    ranges = {method: ranges_of(plain, source, method) for method in methods}
    tie = max(TIE_POINTS, 100 / len(source.validation))
    scores: dict[_Way, float] = {}
    written = b""

    def judged(floating: tuple[str, ...], way: _Way) -> float:
        excluded = (*source.kept, *floating)
        quantize(source.model, dialect, ranges[way.method], path, excluded, source.learned, way.form)
        return source.score(run_onnx(path, source.validation))

    for way in (_Way(method, form) for form in forms for method in methods):
        scores[way] = judged((), way)
        if (best := _best(scores, tie)) == way:
            written = path.read_bytes()
    write_bytes(path, written)
    rounded = onnx.load_from_string(written)

    def probed(floating: tuple[str, ...]) -> float:
        if not set(floating).issubset(layers):
            return judged(floating, best)
        with tempfile.TemporaryDirectory(prefix="edgesynth-") as folder:
            switched = Path(folder) / path.name
            onnx.save(switched_back(rounded, plain, floating, rounding, dialect.rounds_outputs), str(switched))
            return source.score(run_onnx(switched, source.validation))

    kinds = quantized_kinds(rounded, able.difference(layers))
    rounding = able.difference(source.kept)
    guarded = guard_accuracy(partial(judged, way=best), probed, layers, kinds, source.reference, scores[best], max_loss)
    return Calibrated(
        best.method,
        LEARNED if learned else best.form.name,
        source.images,
        {_label(way, forms): score for way, score in scores.items()},
        len(source.learned.keys() & layers),
        guarded,
        beyond,
    )


def _best(scores: Mapping[_Way, float], tie: float) -> _Way:
    """The best way of the fastest form, or of a slower one that is better by more than a tie; the first of equals."""
    best, *others = [
        max((way for way in scores if way.form == form), key=lambda way: scores[way])
        for form in dict.fromkeys(way.form for way in scores)
    ]
    for way in others:
        if scores[way] > scores[best] + tie + ROUNDING_POINTS:
            best = way
    return best


def _label(way: _Way, forms: Sequence[WeightForm]) -> str:
    return way.method if len(forms) == 1 else f"{way.method}, {way.form.name}"


def ranges_of(plain: onnx.ModelProto, source: Source, method: str) -> Bounds:
    """The range of every activation: learned in training, else by the method from the calibration images."""
    return with_learned(bounds_of(source.observed, PLAIN if method == LEARNED else method), plain, source.learned)
