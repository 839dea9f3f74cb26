"""A tiny classifier as ONNX, fp32 and Q/DQ, and the bundle around it as `edgesynth export` would write it."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from edgesynth.benchmark.bundle.bundle import sha256_of
from edgesynth.benchmark.bundle.samples import read_samples
from edgesynth.benchmark.verify.layer_bisect import sketch_layers, write_layers
from edgesynth.benchmark.verify.verification import figures_of
from edgesynth.export.half.half import to_half

from .profile.networks import GROUPS, write_named

SHAPE = (1, 8, 8)
CLASSES = 10
SAMPLES = 16
WRONG_LABELS = 4  # of 16: the fp32 accuracy is exactly 75 %
LAYERS = ["Conv /conv/Conv", "Relu /relu/Relu", "Flatten /Flatten", "Gemm /fc/Gemm"]
TENSORS = ["a", "b", "c", "logits"]
REPOSITORY = Path(__file__).resolve().parents[2]


def write_classifier(path, batch="batch", height=8, channels=4):
    """Conv, ReLU, Flatten, Gemm with fixed random weights; opset 13, IR 7."""
    rng = np.random.default_rng(0)
    weights = {
        "conv": rng.normal(0, 0.5, (channels, 1, 3, 3)),
        "conv_bias": rng.normal(0, 0.1, channels),
        "fc": rng.normal(0, 0.2, (channels * 64, CLASSES)),
        "fc_bias": np.zeros(CLASSES),
    }
    nodes = [
        helper.make_node("Conv", ["images", "conv", "conv_bias"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Flatten", ["b"], ["c"]),
        helper.make_node("Gemm", ["c", "fc", "fc_bias"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "classifier",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [batch, 1, height, 8])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [batch, CLASSES])],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7), str(path))
    return path


class _Reader(CalibrationDataReader):
    def __init__(self, images):
        self.batches = iter([{"images": images}])

    def get_next(self):
        return next(self.batches, None)


def write_manifest(folder, **changes):
    """The manifest of what lies in the folder now; `changes` replace top-level fields."""
    models = {
        "fp32": ("model.onnx", "plain"),
        "fp16": ("model.fp16.onnx", "plain"),
        "int8": ("model.int8.onnx", "tensorrt"),
        "int8-cpu": ("model.int8-cpu.onnx", "onnxruntime-cpu"),
    }
    listed = (".onnx", ".npz", ".json")
    files = [file for file in sorted(folder.iterdir()) if file.suffix in listed and file.name != "manifest.json"]
    manifest = {
        "schema": 1,
        "tool": {"name": "edgesynth", "version": "0.1.0"},
        "individual": "g003-c1",
        "task": {"name": "digits", "metric": "accuracy", "unit": "percent"},
        "input": {"name": "images", "shape": list(SHAPE), "dtype": "float32", "layout": "NCHW"},
        "output": {"name": "logits", "shape": [CLASSES]},
        "labels": [str(label) for label in range(CLASSES)],
        "models": {
            key: {
                "file": name,
                "dialect": dialect,
                "opset": 13,
                "ir": 7,
                **({"exact_on": "any"} if key == "int8-cpu" else {}),
            }
            for key, (name, dialect) in models.items()
            if (folder / name).exists()
        },
        "files": {file.name: {"sha256": sha256_of(str(file)), "bytes": file.stat().st_size} for file in files},
    }
    manifest.update(changes)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def read_npz(folder):
    """The arrays of the bundle's samples, as a dict that can be changed and written back."""
    with np.load(folder / "samples.npz") as arrays:
        return dict(arrays)


@pytest.fixture(scope="session")
def pristine_bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pristine") / "bundle"
    folder.mkdir()
    write_classifier(folder / "model.onnx")
    images = np.random.default_rng(1).normal(0, 1, (SAMPLES, *SHAPE)).astype(np.float32)
    quantize_static(
        str(folder / "model.onnx"),
        str(folder / "model.int8-cpu.onnx"),
        _Reader(images),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
        reduce_range=True,  # what export writes: 8-bit weights would saturate on a processor without VNNI
    )
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
    expected = session.run(None, {"images": images})[0]
    labels = expected.argmax(axis=1).astype(np.int64)
    labels[:WRONG_LABELS] = (labels[:WRONG_LABELS] + 1) % CLASSES
    np.savez(folder / "samples.npz", calibration=images[:4], images=images, labels=labels, expected=expected)
    write_manifest(folder)
    return folder


@pytest.fixture
def bundle(pristine_bundle, tmp_path):
    return Path(shutil.copytree(pristine_bundle, tmp_path / "bundle"))


@pytest.fixture(scope="session")
def pristine_tensorrt_bundle(pristine_bundle, tmp_path_factory):
    """The bundle with what TensorRT takes: FP16 types, Q/DQ of signed integers, ranges."""
    folder = tmp_path_factory.mktemp("tensorrt") / "bundle"
    shutil.copytree(pristine_bundle, folder)
    model = folder / "model.onnx"
    to_half(model, folder / "model.fp16.onnx")
    images = read_npz(folder)["images"]
    quantize_static(
        str(model),
        str(folder / "model.int8.onnx"),
        _Reader(images),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QInt8,
        weight_type=QuantType.QInt8,
        extra_options={"ActivationSymmetric": True, "WeightSymmetric": True, "QuantizeBias": False},
    )
    amax = {"images": float(np.abs(images).max()), "a": 8.0, "b": 8.0, "c": 8.0, "logits": 8.0}
    (folder / "ranges.json").write_text(json.dumps({"schema": 1, "amax": amax}))
    write_manifest(folder)
    return folder


@pytest.fixture
def tensorrt_bundle(pristine_tensorrt_bundle, tmp_path):
    return Path(shutil.copytree(pristine_tensorrt_bundle, tmp_path / "bundle"))


def with_tensorrt(version, gpu, cache, **more):
    """The environment of a machine with that TensorRT and that GPU, both played by the stand-in."""
    return {
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent / "tensorrt_standin"), str(REPOSITORY)]),
        "STANDIN_TENSORRT": version,
        "STANDIN_GPU": gpu,
        "XDG_CACHE_HOME": str(cache),
        **more,
    }


def seal(folder):
    """Enter the sums of the files as they are now: what is wrong then is no damage that a sum shows."""
    manifest = json.loads((folder / "manifest.json").read_text())
    for name, facts in manifest["files"].items():
        facts.update(sha256=sha256_of(str(folder / name)), bytes=(folder / name).stat().st_size)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def change(folder, **changes):
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest.update(changes)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def scale(path, name, factor):
    """Scale one initializer of a model."""
    model = onnx.load(str(path))
    (item,) = [item for item in model.graph.initializer if item.name == name]
    item.CopyFrom(numpy_helper.from_array((numpy_helper.to_array(item) * factor).astype(np.float32), name))
    onnx.save(model, str(path))


@pytest.fixture(scope="session")
def pristine_verifiable(pristine_bundle, tmp_path_factory):
    """The bundle with the ledger, the records and the sketches that export writes."""
    folder = tmp_path_factory.mktemp("verifiable") / "bundle"
    shutil.copytree(pristine_bundle, folder)
    samples = read_samples(str(folder / "samples.npz"), SHAPE, "accuracy")
    model = str(folder / "model.onnx")
    write_layers(str(folder / "layers.npz"), sketch_layers(model, samples, 1, LAYERS, TENSORS))
    write_manifest(folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    for facts in manifest["models"].values():
        facts["batch"] = None
        facts["samples"] = figures_of(str(folder / facts["file"]), samples, None)._asdict()
    ledger = [
        {"hop": "torch removed", "tolerance": None, "tolerance_of": None, "ok": True},
        {"hop": "onnx fp32", "tolerance": 1e-4, "tolerance_of": "max_rel", "ok": True},
        {"hop": "onnx int8-cpu", "tolerance": 0.5, "tolerance_of": "loss_points", "ok": True},
    ]
    change(folder, schema=2, models=manifest["models"], ledger=ledger)
    return folder


@pytest.fixture
def verifiable(pristine_verifiable, tmp_path):
    return Path(shutil.copytree(pristine_verifiable, tmp_path / "verifiable"))


@pytest.fixture
def edgesynth(edgesynth, tmp_path):
    """Run the command in an empty folder: (exit code, stdout, stderr)."""

    def run(*arguments, **environment):
        done = edgesynth(*arguments, cwd=tmp_path, env=environment)
        return done.returncode, done.stdout, done.stderr

    return run


@pytest.fixture
def named(pristine_bundle, tmp_path):
    """The bundle with a network whose nodes have names, and its groups."""
    bundle = Path(shutil.copytree(pristine_bundle, tmp_path / "named"))
    write_named(bundle / "model.onnx")
    (bundle / "model.int8-cpu.onnx").unlink()
    manifest = json.loads((bundle / "manifest.json").read_text())
    del manifest["models"]["int8-cpu"], manifest["files"]["model.int8-cpu.onnx"]
    change(bundle, models=manifest["models"], files=manifest["files"], schema=3, groups=GROUPS)
    seal(bundle)
    return bundle


class RailTree:
    """A powercap tree in a folder: packages, their parts, and what else lies there."""

    def __init__(self, sysfs):
        self.sysfs = str(sysfs)
        self.root = sysfs / "class" / "powercap"
        self.root.mkdir(parents=True)
        (self.root / "intel-rapl").mkdir()

    def add(self, folder, name, energy_uj, range_uj=262143328850):
        (self.root / folder).mkdir()
        (self.root / folder / "name").write_text(name + "\n")
        (self.root / folder / "max_energy_range_uj").write_text(f"{range_uj}\n")
        self.set(folder, energy_uj)

    def set(self, folder, energy_uj):
        (self.root / folder / "energy_uj").write_text(f"{energy_uj}\n")


@pytest.fixture
def rails(tmp_path):
    return RailTree(tmp_path / "sys")


@pytest.fixture
def nvml(tmp_path, monkeypatch):
    """Build the stand-in for NVML: its path."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler here to build the stand-in for NVML")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def build(*defines):
        library = tmp_path / f"libnvml{len(list(tmp_path.iterdir()))}.so"
        source = Path(__file__).with_name("nvml_stand_in.c")
        subprocess.run([compiler, "-shared", "-fPIC", *defines, "-o", str(library), str(source)], check=True)
        return str(library)

    return build
