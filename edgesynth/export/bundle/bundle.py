"""Bundle: export an individual as everything that a board needs, each form of it compared with the one before."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from edgesynth.benchmark.bundle.groups import GROUPS
from edgesynth.defaults import CALIBRATION_IMAGES, LICENSE, MAX_INT8_LOSS
from edgesynth.errors import UserError
from edgesynth.export.bundle.groups import cluster_groups
from edgesynth.export.bundle.ledger import DECODED, FP16, FP32, Hop, Ledger, Tolerance, loss_of
from edgesynth.export.bundle.manifest import MANIFEST, ancestry, build_manifest, check_license, file_facts
from edgesynth.export.bundle.readme.readme import README, readme
from edgesynth.export.bundle.records import record_layers, record_samples
from edgesynth.export.bundle.samples import calibration_images, check_labels, write_samples
from edgesynth.export.bundle.staging import check_free, staged
from edgesynth.export.calibration import Histogram, observe
from edgesynth.export.half.beyond_half import Beyond
from edgesynth.export.half.half import FILE as HALF
from edgesynth.export.half.half import KEY as HALF_KEY
from edgesynth.export.half.half_search import write_half
from edgesynth.export.int8.built import BUILT_KEY, built_by_tensorrt
from edgesynth.export.int8.calibration_choice import PLAIN, Calibrated, Source, quantize_best, ranges_of
from edgesynth.export.int8.dialects import dialects
from edgesynth.export.int8.faster.choosing import choose_layers
from edgesynth.export.int8.faster.clock import Clock
from edgesynth.export.int8.faster.speed import DEFAULT_LAYERS, Layers, Speed, check_layers
from edgesynth.export.int8.int8 import check_size
from edgesynth.export.int8.learned import floating_layers, learned_scales
from edgesynth.export.int8.ranges import ranges_json
from edgesynth.export.int8.weight_forms import DEFAULT_TARGET, Target, check_target
from edgesynth.export.onnx.detections.decoding_graph import (
    COLUMNS,
    DETECTIONS,
    check_decodes,
    decode_in_graph,
    decoding_in_graph,
)
from edgesynth.export.onnx.detections.rows import aligned, rows_of
from edgesynth.export.onnx.exporters import OUTPUT, Exporter
from edgesynth.export.onnx.fixed_batch import fix_batch
from edgesynth.export.onnx.onnx_file import check_form, data_file, form_of, to_onnx
from edgesynth.export.onnx.planned.older_opsets import keep_refused
from edgesynth.export.onnx.planned.parsed import check_parsed, parser_for
from edgesynth.export.onnx.runtime import run_onnx
from edgesynth.files.json_file import sealed
from edgesynth.lineage import Individual, Run, Species, species, task_of
from edgesynth.lineage.storage.files import write_bytes, write_json
from edgesynth.nurture import outputs
from edgesynth.tasks import Detection, Split, Task

LOG = logging.getLogger(__name__)
MODEL, RANGES, SAMPLES = "model.onnx", "ranges.json", "samples.npz"
# Another processor or number of threads may let so many images, or points, fall to the other side.
MOST_DRIFT_IMAGES, MOST_DRIFT_POINTS = 2, 0.1

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Bundle:
    """A bundle that was written.

    Attributes:
        path: its folder.
        manifest: what its manifest.json holds.
        ledger: the parity ledger; false if an INT8 model lost too much.
        speed: of model.int8-cpu.onnx on this machine; None without INT8.
    """

    path: Path
    manifest: dict[str, Any]
    ledger: Ledger
    speed: Speed | None = None

    def sizes_bytes(self) -> dict[str, int]:
        """{file: its size}, in the order of their names."""
        return {path.name: path.stat().st_size for path in sorted(self.path.iterdir())}

    def to_json(self) -> dict[str, Any]:
        """Plain values: folder, individual, the ledger and whether it is good, {file: bytes}, what INT8 is worth."""
        return {
            "bundle": str(self.path),
            "individual": self.manifest["individual"],
            "ledger": self.ledger.to_json(),
            "ok": bool(self.ledger),
            "files": self.sizes_bytes(),
            "int8_cpu_speed": None if self.speed is None else self.speed.to_json(),
            BUILT_KEY: None if self.ledger.built is None else self.ledger.built.to_json(),
        }


def export_individual(
    run: Run,
    name: str,
    out: Path | None = None,
    int8: bool = False,
    samples: int = CALIBRATION_IMAGES,
    max_int8_loss: float = MAX_INT8_LOSS,
    progress: Progress | None = None,
    opset: int | None = None,
    batch: int | None = None,
    license: str = LICENSE,
    nms_in_graph: bool = False,
    tensorrt: str | None = None,
    int8_cpu_target: Target = DEFAULT_TARGET,
    int8_cpu_layers: Layers = DEFAULT_LAYERS,
    data_root: Path | None = None,
) -> Bundle:
    """Write an individual as a bundle.

    Args:
        run: its run.
        name: its name within the run.
        out: the bundle's folder, absent or empty; `bundles/NAME` in the run by default.
        int8: write the INT8 models too.
        samples: calibration images at most, at least 1; all training images where there are fewer.
        max_int8_loss: points of the metric that an INT8 model may lose; layers that cost more stay in floating point.
        progress: told what is being done, one line each.
        opset: of all models, 13 to 18; None is the run's.
        batch: images per run that all models are fixed to, 1 to 4096; None leaves it free.
        license: of the weights, in one line.
        nms_in_graph: let a detector's models decode their outputs and suppress boxes themselves.
        tensorrt: version of TensorRT that must parse model.onnx; None leaves that to `edgesynth plan`, but for what
            suppresses boxes, which the newest of the run's board must parse.
        int8_cpu_target: the processors that model.int8-cpu.onnx is for: `any`, or `vnni`, whose 8-bit weights saturate
            elsewhere.
        int8_cpu_layers: the layers that are INT8 in that file: `faster`, those that make it faster on this CPU, or
            `all`, for another CPU. Accuracy goes before both.
        data_root: where the run's data are now; where they were, if not given.

    Returns:
        The bundle. Its ledger is false if an INT8 model lost more even so: the file is there, and marked.

    Raises:
        UserError: an option is out of range, there is no such individual, its weights are not finite, the folder is
            taken, the network cannot be written at that opset with a free batch, the plain ONNX file does not compute
            what the network does, or the target does not parse it. Nothing is left then.
    """
    if samples < 1:
        raise UserError(
            f"--samples is {samples}; give at least 1 calibration image ({CALIBRATION_IMAGES} is the default)"
        )
    if not 0 <= max_int8_loss <= 100:
        raise UserError(
            f"--max-int8-loss is {max_int8_loss:g}; give points of the metric, 0 to 100 ({MAX_INT8_LOSS:g} is the "
            "default)"
        )
    opset = run.config.opset if opset is None else opset
    check_form(opset, batch)
    check_license(license)
    check_target(int8_cpu_target, int8)
    check_layers(int8_cpu_layers, int8)
    parser = parser_for(tensorrt, run.config, nms_in_graph)
    folder = out or run.path / "bundles" / name
    check_free(folder)
    line = ancestry(run, name)
    _check_finite(run, run.load(name))

    def say(line: str) -> None:
        LOG.info("%s: %s", name, line)
        if progress is not None:
            progress(line)

    say("reading the data and rebuilding the network")
    task = task_of(run, data_root)
    kind = species(run.config.ancestor, task, run.config.seed, run.config.branches)
    individual = run.load(name, kind.anatomy)
    if nms_in_graph:
        check_decodes(task)
    with staged(folder) as temporary:
        stage = _Stage(kind, task, individual, temporary, say)
        check_labels(task, stage.test)
        exporter = stage.write_fp32(opset, batch)
        _check_known(run, individual, stage)
        calibration = calibration_images(task, samples, run.config.seed)
        stage.observe(calibration)
        stage.write_half(calibration)
        wanted = _Int8(max_int8_loss, int8_cpu_target, int8_cpu_layers) if int8 else None
        stage.write_ranges(calibration, wanted)
        kept = write_samples(temporary / SAMPLES, calibration, stage.test, stage.expected, run.config.seed)
        say("recording what verification will look for")
        record_layers(temporary / MODEL, temporary / SAMPLES, batch)
        output = stage.decode() if nms_in_graph else stage.output
        if parser is not None:
            check_parsed(temporary / MODEL, parser)
        record_samples(temporary, SAMPLES, stage.models, task.metric_name, output["decoding"])
        if name not in run.tested():
            run.save_tested(name, task.metric(stage.expected, stage.answers))
        manifest = build_manifest(task, line, stage.models, stage.kept, stage.ledger, output, exporter, license)
        manifest["samples"] = kept
        groups = cluster_groups(kind.anatomy, individual.genome.kept, stage.removed, temporary / MODEL)
        manifest[GROUPS] = [group.to_json() for group in groups]
        presentation = task.presentation(output["decoding"])
        if presentation.decoder is not None:
            write_bytes(temporary / presentation.decoder.name, presentation.decoder.read())
        write_bytes(temporary / README, readme(manifest, presentation).encode())
        manifest["files"] = file_facts(temporary)
        manifest = sealed(manifest)
        write_json(temporary / MANIFEST, manifest)
    return Bundle(folder, manifest, stage.ledger, stage.speed)


class _Int8(NamedTuple):
    """How INT8 is wanted; see `export_individual`."""

    max_loss: float
    cpu_target: Target
    cpu_layers: Layers


class _Stage:
    """The models of one bundle while it is being written, and the ledger that grows with them."""

    def __init__(self, kind: Species, task: Task, individual: Individual, folder: Path, say: Progress) -> None:
        self.individual = individual
        self.masked, self.removed = kind.masked(individual), kind.removed(individual)
        self.task, self.folder, self.say = task, folder, say
        self.test: Split = task.load_test()
        self.answers = self.test.targets
        self.ledger = Ledger(lambda outputs: task.metric(outputs, self.answers), task.metric_name)
        self.models: dict[str, dict[str, Any]] = {}
        self.expected = Tensor()
        self.seen: dict[str, Histogram] = {}
        self.kept: list[Beyond] = []
        self.speed: Speed | None = None

    def write_fp32(self, opset: int, batch: int | None) -> Exporter:
        """Write model.onnx and compare it with the removed network, and that with the masked one."""
        self.say("writing model.onnx")
        path = self.folder / MODEL
        exporter = to_onnx(self.removed, self.task.input_shape, path, opset)
        if batch is not None:
            fix_batch(path, batch)
        keep_refused(path, self.removed, self.task.input_shape, opset)
        self.say("comparing torch and ONNX on the test images")
        self.expected = outputs(self.removed, self.test.images)
        self.ledger.start("torch masked", outputs(self.masked, self.test.images))
        _check_same(self.ledger.compare("torch removed", self.expected, "torch masked", FP32))
        self.ledger.forget("torch masked")
        _check_same(self.ledger.compare("onnx fp32", run_onnx(path, self.test.images), "torch removed", FP32))
        self.models["fp32"] = {"file": MODEL, "dialect": "plain", **form_of(path)}
        return exporter

    def observe(self, calibration: Tensor) -> None:
        """Record the range of every activation of model.onnx on the calibration images."""
        self.say("measuring the ranges of the activations")
        self.seen = observe(self.folder / MODEL, calibration)

    def write_half(self, calibration: Tensor) -> None:
        """Write model.fp16.onnx, unless the weights are too large for one file: its converter takes no others."""
        if data_file(self.folder / MODEL) is not None:
            return
        self.say(f"writing {HALF}")
        self.kept = write_half(self.folder / MODEL, self.folder / HALF, self.seen, calibration)
        self._held(HALF, HALF_KEY, FP16)
        self.models[HALF_KEY] = {"file": HALF, "dialect": "plain", **form_of(self.folder / HALF)}

    def _answers_of(self, file: str, key: str) -> Tensor:
        """Outputs of a model on the test images; those of the FP16 file with FP16 rounding, as on a device."""
        return run_onnx(self.folder / file, self.test.images, half_storage=key == HALF_KEY)

    def _held(self, file: str, key: str, tolerance: Tolerance) -> None:
        """Compare a model with the fp32 one."""
        name = f"onnx {key}"
        self.ledger.compare(name, self._answers_of(file, key), "onnx fp32", tolerance)
        if not isinstance(self.task, Detection):  # whose files may decode by themselves, and are compared once more
            self.ledger.forget(name)

    def write_ranges(self, calibration: Tensor, int8: _Int8 | None) -> None:
        """Write ranges.json, and before it the INT8 models where they are wanted."""
        import onnx

        path = self.folder / MODEL
        plain, images = onnx.load(str(path)), self.task.validation.images
        labels = self.task.validation.targets

        def score(outputs: Tensor) -> float:
            return self.task.metric(outputs, labels)

        genome = self.individual.genome
        learned = learned_scales(plain, self.removed, genome.precision, self.individual.scales)
        source = Source(
            path,
            self.seen,
            len(calibration),
            images,
            score,
            score(run_onnx(path, images)),
            learned,
            floating_layers(plain, self.removed, genome.precision),
        )
        method, floating = PLAIN, source.kept
        if int8 is not None:
            choice = self._write_int8(source, int8)
            method, floating = choice.method, (*source.kept, *choice.guarded.floating)
        ranges = ranges_of(plain, source, method)
        write_json(self.folder / RANGES, ranges_json(MODEL, ranges, method, len(calibration), floating))

    @property
    def output(self) -> dict[str, Any]:
        """What the models give, for the manifest: the network's own output."""
        shape = tuple(self.expected.shape[1:])
        return {"name": OUTPUT, "shape": list(shape), "decoding": self.task.decoding_of(shape)}

    def decode(self) -> dict[str, Any]:
        """Let all models decode their outputs; each is compared with its own grid, decoded outside of it.

        Returns:
            What the models give then, for the manifest.
        """
        assert isinstance(self.task, Detection)
        decoding = decoding_in_graph(self.output["decoding"], tuple(self.expected.shape[1:]))
        for key, facts in self.models.items():
            self.say(f"decoding within {facts['file']}")
            decode_in_graph(self.folder / facts["file"], decoding)
            expected = rows_of(self.task.detected(self.ledger.outputs_of(f"onnx {key}")), decoding["rows"])
            answers = aligned(self._answers_of(facts["file"], key), expected)
            hop = self.ledger.compare(f"onnx {key} nms", answers, f"onnx {key}", DECODED, expected)
            if key == "fp32":
                _check_same(hop)
        return {"name": DETECTIONS, "shape": [decoding["rows"], COLUMNS], "decoding": decoding}

    def _write_int8(self, source: Source, int8: _Int8) -> Calibrated:
        """Write the INT8 models, each by the calibration that is best on validation.

        What this machine runs is timed here, and layers that are faster in floating point stay so.

        Returns:
            How the TensorRT form was calibrated, which ranges.json serves too.
        """
        check_size(source.model, "export without --int8")
        choices = []
        for dialect in dialects(int8.cpu_target):
            self.say(f"calibrating and writing {dialect.file}")
            path = self.folder / dialect.file
            choice = quantize_best(source, dialect, path, int8.max_loss)
            if choice.beyond:
                first, why = next(iter(choice.beyond.items()))
                count = len(choice.beyond)
                self.say(f"{count} layers of {dialect.file} stay in floating point, {first} first ({why})")
            facts: dict[str, Any] = {"calibration": choice.to_json()}
            if dialect.runs_here:
                self.say(f"timing {dialect.file} on this CPU")
                clock = Clock(self.task.input_shape, form_of(path)["batch"] or 1)
                self.speed = choose_layers(source, dialect, path, choice, int8.max_loss, clock, int8.cpu_layers)
                facts["speed"] = self.speed.to_json()
            else:
                facts[BUILT_KEY] = self._built(path)
            self._held(dialect.file, dialect.key, loss_of(int8.max_loss))
            self.models[dialect.key] = {
                "file": dialect.file,
                "dialect": dialect.name,
                **form_of(path),
                **dialect.facts(path),
                **facts,
            }
            choices.append(choice)
        return choices[0]

    def _built(self, path: Path) -> dict[str, Any] | None:
        """What NVIDIA's compiler makes of the TensorRT form, where it is installed."""
        self.say(f"building {path.name} by TensorRT for RTX")
        self.ledger.built = built_by_tensorrt(path)
        return None if self.ledger.built is None else self.ledger.built.to_json()


def _check_finite(run: Run, individual: Individual) -> None:
    for name, tensor in individual.weights.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise UserError(
                f"{name} of {run.path}:{individual.name} holds nan or infinity; export another individual, "
                "or breed it again with a lower --learning-rate"
            )


def _check_known(run: Run, individual: Individual, stage: _Stage) -> None:
    """Refuse a network whose test metric is not the one at the end of its run.

    The ledger cannot find this: all its hops are then of the wrong network, or on other images. Individuals below fp32
    are not checked: the figure of their run includes rounded inputs, which these hops do not have.
    """
    known_percent, percent = run.tested().get(individual.name), stage.ledger.accuracy_of("torch removed")
    allowed = max(MOST_DRIFT_POINTS, 100 * MOST_DRIFT_IMAGES / len(stage.answers))
    if known_percent is not None and not individual.genome.precision and abs(percent - known_percent) > allowed:
        raise UserError(
            f"no bundle was written: {run.path}:{individual.name} had {known_percent:.2f} % {run.metric} on the test "
            f"images when its run ended (test.json) and has {percent:.2f} % now, so the code of its network or task, "
            "or its images, are others; go back to those of the run, or breed it again"
        )


def _check_same(hop: Hop) -> None:
    """Refuse a hop that should cost nothing and does."""
    if not hop.ok:
        raise UserError(
            f"no bundle was written, because the exported network is not the one that was bred: {hop}; "
            "please report this with the run's config.toml, and export another individual"
        )
