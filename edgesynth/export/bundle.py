"""Bundle: export an individual as everything that a board needs, each form of it compared with the one before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor

from edgesynth.errors import UserError
from edgesynth.export.dialects import DIALECTS
from edgesynth.export.exporters import Exporter
from edgesynth.export.fixed_batch import fix_batch
from edgesynth.export.int8 import quantise_best
from edgesynth.export.ledger import FP32, INT8, Ledger
from edgesynth.export.manifest import LICENCE, MANIFEST, ancestry, build_manifest, check_licence, file_facts
from edgesynth.export.onnx_file import OPSET, check_form, data_file, form_of, to_onnx
from edgesynth.export.ranges import measure_ranges
from edgesynth.export.readme import README, readme
from edgesynth.export.records import record_layers, record_samples
from edgesynth.export.runtime import run_onnx
from edgesynth.export.samples import calibration_images, write_samples
from edgesynth.export.staging import check_free, staged
from edgesynth.lineage import Individual, Run, species
from edgesynth.lineage.files import write_bytes, write_json
from edgesynth.nurture import outputs
from edgesynth.tasks import Classification, Split, load_task

MODEL, RANGES, SAMPLES = "model.onnx", "ranges.json", "samples.npz"
PLAIN_METHOD = "minmax"  # of ranges.json where no method was chosen on validation: it clips nothing

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Bundle:
    """A bundle that was written.

    Attributes:
        path: its folder.
        manifest: what its manifest.json holds.
        ledger: the parity ledger; false if an INT8 model lost too much.
    """

    path: Path
    manifest: dict[str, Any]
    ledger: Ledger


def export_individual(
    run: Run,
    name: str,
    out: Path | None = None,
    int8: bool = False,
    samples: int = 512,
    progress: Progress | None = None,
    opset: int = OPSET,
    batch: int | None = None,
    licence: str = LICENCE,
) -> Bundle:
    """Write an individual as a bundle.

    Args:
        run: its run.
        name: its name within the run.
        out: the bundle's folder, absent or empty; `bundles/NAME` in the run by default.
        int8: write the INT8 models too.
        samples: calibration images at most, at least 1; all training images where there are fewer.
        progress: told what is being done, one line each.
        opset: of all models, 13 to 18.
        batch: images per run that all models are fixed to, 1 to 4096; None leaves it free.
        licence: of the weights, in one line.

    Returns:
        The bundle. Its ledger is false if an INT8 model lost more than 0.5 points: the file is there, and marked.

    Raises:
        UserError: an option is out of range, there is no such individual, its weights are not finite, the folder is
            taken, the network cannot be written at that opset with a free batch, or the plain ONNX file does not
            compute what the network does. Nothing is left then.
    """
    if samples < 1:
        raise UserError(f"--samples is {samples}; give at least 1 calibration image (512 is the default)")
    check_form(opset, batch)
    check_licence(licence)
    folder = out or run.path / "bundles" / name
    check_free(folder)
    line = ancestry(run, name)
    individual = run.load(name)
    _check_finite(run, individual)
    say = progress or (lambda line: None)
    say("reading the data and rebuilding the network")
    task = load_task(run.config.task, run.config.data_root, run.config.image_size)
    with staged(folder) as temporary, TemporaryDirectory(prefix="edgesynth-") as scratch:
        # What is calibrated has a free batch: where the bundle's models have none, it lies elsewhere.
        source = (temporary if batch is None else Path(scratch)) / MODEL
        stage = _Stage(run, task, individual, temporary, say, source, batch)
        exporter = stage.write_fp32(opset)
        calibration = calibration_images(task, samples, run.config.seed)
        method = stage.write_int8(calibration) if int8 else PLAIN_METHOD
        say("measuring the ranges of the activations")
        write_json(temporary / RANGES, measure_ranges(source, calibration, method))
        write_samples(temporary / SAMPLES, calibration, stage.test, stage.expected, run.config.seed)
        say("recording what verification will look for")
        record_samples(temporary, SAMPLES, stage.models, task.metric_name)
        record_layers(temporary / MODEL, temporary / SAMPLES, batch)
        if name not in run.tested():
            run.save_tested(name, task.metric(stage.expected, stage.test.labels))
        classes = stage.expected.shape[1]
        manifest = build_manifest(task, line, stage.models, stage.ledger, classes, exporter, licence)
        write_bytes(temporary / README, readme(manifest).encode())
        manifest["files"] = file_facts(temporary)
        write_json(temporary / MANIFEST, manifest)
    return Bundle(folder, manifest, stage.ledger)


class _Stage:
    """The models of one bundle while it is being written, and the ledger that grows with them."""

    def __init__(
        self,
        run: Run,
        task: Classification,
        individual: Individual,
        folder: Path,
        say: Progress,
        source: Path,
        batch: int | None,
    ) -> None:
        kind = species(run.config.ancestor, task, run.config.seed)
        self.masked, self.removed = kind.masked(individual), kind.removed(individual)
        self.task, self.folder, self.say = task, folder, say
        self.source, self.batch = source, batch
        self.test: Split = task.load_test()
        self.ledger = Ledger(lambda outputs: task.metric(outputs, self.test.labels))
        self.models: dict[str, dict[str, Any]] = {}
        self.expected = Tensor()

    def write_fp32(self, opset: int) -> Exporter:
        """Write model.onnx and hold it, by way of the removed network, to the masked one."""
        self.say("writing model.onnx")
        path = self.folder / MODEL
        exporter = to_onnx(self.removed, self.task.input_shape, self.source, opset)
        if self.batch is not None:
            fix_batch(self.source, path, self.batch, fold=True)
        self.say("comparing torch and ONNX on the test images")
        self.expected = outputs(self.removed, self.test.images)
        self.ledger.start("torch masked", outputs(self.masked, self.test.images))
        self.ledger.compare("torch removed", self.expected, "torch masked", FP32)
        self.ledger.compare("onnx fp32", run_onnx(path, self.test.images), "torch removed", FP32)
        if not self.ledger:
            raise UserError(
                f"no bundle was written, because the exported network is not the one that was bred: "
                f"{self.ledger.bad[0]}; please report this with the run's config.toml, and export another individual"
            )
        self.models["fp32"] = {"file": MODEL, "dialect": "plain", **form_of(path)}
        return exporter

    def write_int8(self, calibration: Tensor) -> str:
        """Write the INT8 models, each by the calibration that is best on validation.

        Returns:
            The calibration method of the TensorRT form, which ranges.json serves too.
        """
        weights = data_file(self.source)
        if weights is not None:
            raise UserError(
                f"the weights of this network take {weights.stat().st_size / 2**30:.1f} GiB, and INT8 models are made "
                "of networks up to 2 GiB; export without --int8"
            )
        images, labels = self.task.validation
        methods = []
        for dialect in DIALECTS:
            self.say(f"calibrating and writing {dialect.file}")
            path = self.folder / dialect.file
            found = quantise_best(
                self.source,
                dialect,
                calibration,
                images,
                lambda outputs: self.task.metric(outputs, labels),
                path,
            )
            if self.batch is not None:
                fix_batch(path, path, self.batch, fold=False)
            self.ledger.compare(f"onnx {dialect.key}", run_onnx(path, self.test.images), "onnx fp32", INT8)
            self.models[dialect.key] = {
                "file": dialect.file,
                "dialect": dialect.name,
                **form_of(path),
                "calibration": found.to_json(),
            }
            methods.append(found.method)
        return methods[0]


def _check_finite(run: Run, individual: Individual) -> None:
    for name, tensor in individual.weights.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise UserError(
                f"{name} of {run.path}:{individual.name} holds nan or infinity; export another individual, "
                "or breed it again with a lower --learning-rate"
            )
