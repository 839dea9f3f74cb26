"""Verification: the ledger of a bundle, run again on this machine from the bundle alone.

Every model answers the labeled samples; its answers are held to the expected ones, and its metric to what was
recorded of the same samples at export. Where the fp32 model fails, its first layer that differs is named.
"""

import os
from typing import Any, Dict, List, NamedTuple, Optional

import numpy as np

from edgesynth.benchmark.bundle import processor
from edgesynth.benchmark.bundle.bundle import LAYERS, MANIFEST, Target, not_ours, open_bundle
from edgesynth.benchmark.bundle.samples import Samples
from edgesynth.benchmark.engines.onnxruntime import OnnxRuntime
from edgesynth.benchmark.verify.layer_bisect import first_difference, read_layers
from edgesynth.errors import UserError
from edgesynth.metrics.metric import ROUNDING_POINTS

FREE_BATCH = 64
# Without Q/DQ an error is held to the ledger's tolerance. With them it is that of quantization, which other kernels may
# change somewhat, but which another model multiplies.
MAX_GROWTH = 2.0
REL_FLOOR = 1e-4
FP32 = "fp32"
HALF_STORAGE = "half_storage"  # of a record: its figures are of results that were rounded to FP16, as on a device


class Figures(NamedTuple):
    """Errors and metric of a model's outputs on the samples.

    Attributes:
        max_abs: largest distance of an output, before any decoding, from the expected one; None if not finite.
        max_rel: that distance over the largest magnitude that is expected; None if not finite.
        accuracy_percent: the task's metric, whichever that is; None where it is not scored here, or not finite.
        samples: how many.
    """

    max_abs: Optional[float]
    max_rel: Optional[float]
    accuracy_percent: Optional[float]
    samples: int


class Verified(NamedTuple):
    """One hop of the ledger, run again.

    Attributes:
        hop: its name in the ledger.
        file: the model.
        figures: what was found.
        change_points: percentage points gained (below 0: lost) against the record; None where nothing is scored.
        why: in which way it is bad; None if it is good.
        inexact: why this processor does not compute it exactly; None if it does.
    """

    hop: str
    file: str
    figures: Figures
    change_points: Optional[float]
    why: Optional[str]
    inexact: Optional[str] = None

    def to_json(self) -> Dict[str, Any]:
        """Plain values."""
        facts = {"hop": self.hop, "file": self.file, "ok": self.why is None, "why": self.why}
        return dict(facts, change_points=self.change_points, **self.figures._asdict())


class Verification(NamedTuple):
    """The verification of a bundle; every file of it has the sha256 of the export.

    Attributes:
        target: the bundle.
        hops: fp32 first.
        layer: the first layer of the fp32 model that differs; None if that model is good.
    """

    target: Target
    hops: List[Verified]
    layer: Optional[str]

    @property
    def bad(self) -> List[Verified]:
        """The hops that are bad, in order."""
        return [hop for hop in self.hops if hop.why is not None]

    def to_json(self) -> Dict[str, Any]:
        """Plain values: the folder, whether all is as exported, how many files were compared, and each hop."""
        return {
            "bundle": self.target.path,
            "ok": not self.bad,
            "files": len(self.target.manifest["files"]),
            "metric": self.target.samples.metric,
            "hops": [hop.to_json() for hop in self.hops],
            "first_bad_layer": self.layer,
        }


def verify(path: str) -> Verification:
    """Run the ledger of a bundle again.

    Args:
        path: the bundle's folder.

    Returns:
        What was found.

    Raises:
        UserError: the path is no bundle, a file of it is missing or another than was exported, it was exported without
            records, or ONNX Runtime is absent or refuses a model.
    """
    if not os.path.isdir(path):
        raise UserError("{} is not a folder; give the folder that `edgesynth export` wrote".format(path))
    target = open_bundle(path)
    if not isinstance(target.samples, Samples):
        raise UserError("{} cannot be verified: {}; export it again".format(path, target.samples.reason))
    if not target.models:
        raise not_ours(path, "it lists no model")
    keys = sorted(target.models, key=lambda key: (key != FP32, key))
    hops = [_verified(target, key, target.samples) for key in keys]
    layer = None
    if keys[0] == FP32 and hops[0].why is not None:
        layer = _first_layer(target, target.samples)
    return Verification(target, hops, layer)


def figures_of(
    path: str, samples: Samples, batch: Optional[int], half_storage: bool = False, exact: bool = True
) -> Figures:
    """Run a model on all samples.

    Args:
        path: an ONNX file.
        samples: the bundle's.
        batch: images per run that the file is fixed to; None if it takes any.
        half_storage: round what it computes to FP16, where its types are FP16; see `engines.half_storage`.
        exact: whether INT8 is to be exact even where this processor's is not.

    Raises:
        UserError: ONNX Runtime is absent or refuses the model, or its outputs have another shape than is expected.
    """
    engine = OnnxRuntime(half_storage, exact)
    engine.load(path, FP32, batch or FREE_BATCH, 1)
    score = samples.score(engine.run, batch or FREE_BATCH)
    error = score.max_abs_error
    if samples.decodes:
        engine.load_with_outputs(path, [samples.decoding["grid"]])
        error = samples.distance(lambda images: engine.run_all(images)[0], batch or FREE_BATCH)
    relative = None
    if error is not None:
        relative = error / max(float(np.abs(samples.expected).max()), 1e-30)
    return Figures(error, relative, score.accuracy_percent, score.samples)


def _verified(target: Target, key: str, samples: Samples) -> Verified:
    facts = target.manifest["models"][key]
    name = "onnx " + key
    recorded, hop = _record(target, key), _hop(target, name)
    # What another runtime is for is judged as that computes it, the file for CPUs as this CPU does.
    here = target.models[key].dialect == processor.DIALECT
    half_storage = recorded.get(HALF_STORAGE) is True
    figures = figures_of(target.models[key].path, samples, facts.get("batch"), half_storage, exact=not here)
    change = None
    if figures.accuracy_percent is not None and recorded["accuracy_percent"] is not None:
        change = figures.accuracy_percent - recorded["accuracy_percent"]
    why = _why_bad(figures, change, recorded, hop, samples.metric)
    return Verified(name, target.models[key].file, figures, change, why, processor.why_inexact(target.models[key]))


def _record(target: Target, key: str) -> Dict[str, Any]:
    """What the manifest recorded of a model's answers to the samples."""
    record = target.manifest["models"][key].get("samples")
    if record is None:
        raise UserError(
            "{} (schema {}) has no record of how {} answered the samples: an older edgesynth wrote it; "
            "export it again to verify it, or measure it as it is with: edgesynth benchmark {}".format(
                os.path.join(target.path, MANIFEST), target.manifest["schema"], key, target.path
            )
        )
    figures = [record.get(name, "") for name in ("max_rel", "accuracy_percent")] if isinstance(record, dict) else [""]
    if not all(figure is None or isinstance(figure, (int, float)) for figure in figures):
        raise not_ours(target.path, "models.{}.samples is {}".format(key, record))
    return record


def _hop(target: Target, name: str) -> Dict[str, Any]:
    """The ledger's row of a hop."""
    ledger = target.manifest.get("ledger")
    for row in ledger if isinstance(ledger, list) else []:
        if isinstance(row, dict) and row.get("hop") == name:
            known = row.get("tolerance_of") in ("max_rel", "loss_points")
            if known and isinstance(row.get("tolerance"), (int, float)) and isinstance(row.get("ok"), bool):
                return row
    raise not_ours(target.path, "the ledger has no row of {} with its tolerance".format(name))


def _why_bad(
    figures: Figures, change: Optional[float], recorded: Dict[str, Any], hop: Dict[str, Any], metric: Optional[str]
) -> Optional[str]:
    if figures.max_rel is None:
        return "its outputs hold nan or infinity"
    if hop["tolerance_of"] == "max_rel":
        allowed = float(hop["tolerance"])
    else:
        allowed = max(MAX_GROWTH * (recorded["max_rel"] or 0.0), REL_FLOOR)
    if figures.max_rel > allowed:
        return "relative error {:.2g}, allowed is {:.2g}".format(figures.max_rel, allowed)
    # One sample on the edge between two classes may fall to the other side.
    points = max(hop["tolerance"] if hop["tolerance_of"] == "loss_points" else 0.0, 100.0 / figures.samples)
    if change is not None and -change > points + ROUNDING_POINTS:
        return "{:.2f} points of {} lost against the record, allowed is {:.2g}".format(-change, metric, points)
    if not hop["ok"]:
        return "it is what was exported, and the ledger marked that bad then"
    return None


def _first_layer(target: Target, samples: Samples) -> str:
    if LAYERS not in target.manifest["files"]:
        return "not known: the bundle has no {}".format(LAYERS)
    layers = read_layers(os.path.join(target.path, LAYERS))
    batch = target.manifest["models"][FP32].get("batch") or 1
    layer = first_difference(target.models[FP32].path, samples, batch, layers)
    return layer or "none: every layer gives what it gave at export; the samples or the record are of another model"
