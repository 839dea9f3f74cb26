"""INT8 on a CPU by the form of its weights: accuracy on this processor and exactly, layers left in fp32, latency.

    python -m benchmarks.int8_processors.run

Small networks, trained on scikit-learn's digits, are calibrated by min-max and written in three forms: int8 weights of
8 bits, of 7 bits, and uint8 weights. Each is scored by ONNX Runtime as it computes here, where int8 products may
saturate, and once more where they cannot. Then the guard, twice: on 8-bit weights with a judge that is this processor
(which is how edgesynth did it), and as `edgesynth export --int8` does now. Latencies are of one thread, interleaved;
networks for digits take so little time that INT8 gains nothing, so larger ones of random weights are timed as well.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
import torch
from torch import Tensor, nn

from benchmarks.shared.tables import write_table
from edgesynth.benchmark.bundle.processor import saturates
from edgesynth.benchmark.conditions.machine import describe_machine
from edgesynth.benchmark.measure.quick import compare_models
from edgesynth.export import to_onnx
from edgesynth.export.calibration import Bounds, bounds_of, observe
from edgesynth.export.int8.accuracy_guard import guard_accuracy, layers_of
from edgesynth.export.int8.calibration_choice import PLAIN, Source, quantize_best
from edgesynth.export.int8.dialects import OnnxRuntimeCpu
from edgesynth.export.int8.int8 import quantize
from edgesynth.export.int8.weight_forms import INT7, INT8, UINT8
from edgesynth.export.onnx.runtime import run_onnx
from edgesynth.lineage.storage.files import write_json
from edgesynth.optional import torchvision
from edgesynth.tasks import Classification, load_task

HERE = Path(__file__).resolve().parent
NAME = "int8_processors"
MAX_LOSS = 0.5  # points, the default of export
FORMS = {INT8.name: INT8, INT7.name: INT7, UINT8.name: UINT8}
BATCH = 8


def mobilenet_v3() -> nn.Module:
    """MobileNetV3 (Howard et al., arXiv 1905.02244) of six blocks, by torchvision's parts."""
    parts = torchvision().models.mobilenetv3
    block = partial(parts.InvertedResidualConfig, dilation=1, width_mult=1.0)
    rows = [
        # inputs, kernel, expanded, outputs, squeeze and excitation, activation, stride
        (16, 3, 16, 16, True, "RE", 2),
        (16, 3, 48, 24, False, "RE", 2),
        (24, 3, 64, 24, False, "RE", 1),
        (24, 5, 72, 32, True, "HS", 2),
        (32, 5, 96, 32, True, "HS", 1),
        (32, 5, 96, 48, True, "HS", 1),
    ]
    network = parts.MobileNetV3([block(*row) for row in rows], last_channel=128, num_classes=10, dropout=0.0)
    network.features[0][0] = nn.Conv2d(1, 16, 3, 2, 1, bias=False)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 0.1  # torchvision's 0.01 is for more steps than these
    return network


def depthwise() -> nn.Module:
    """Pairs of a depthwise and a 1x1 convolution with normalization, as in MobileNetV1."""
    layers: list[nn.Module] = [nn.Conv2d(1, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    for inputs, outputs, stride in ((16, 32, 2), (32, 32, 1), (32, 64, 2), (64, 64, 1)):
        layers += [
            nn.Conv2d(inputs, inputs, 3, stride, 1, groups=inputs, bias=False),
            nn.BatchNorm2d(inputs),
            nn.ReLU(),
        ]
        layers += [nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def plain() -> nn.Module:
    """Four convolutions and two linear layers."""
    layers: list[nn.Module] = []
    for inputs, outputs in ((1, 16), (16, 32), (32, 32), (32, 64)):
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2, ceil_mode=True)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(256, 64), nn.ReLU(), nn.Linear(64, 10))


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "MobileNetV3, six blocks": mobilenet_v3,
    "depthwise and 1x1": depthwise,
    "plain convolutions": plain,
}

LARGER = {"resnet18": 64, "mobilenet_v2": 96}  # pixels


def main() -> None:
    """Measure, and write the result and its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--trial", action="store_true", help="print only")
    arguments = parser.parse_args()

    task = load_task("digits")
    assert isinstance(task, Classification)
    document: dict[str, Any] = {
        "benchmark": NAME,
        "machine": describe_machine(),
        "sums_saturate": saturates(),
        "onnxruntime": onnxruntime.__version__,
        "epochs": arguments.epochs,
        "networks": {},
    }
    for name, build in NETWORKS.items():
        print(name, flush=True)
        torch.manual_seed(0)
        network = trained(build(), task, arguments.epochs)
        with tempfile.TemporaryDirectory() as folder:
            document["networks"][name] = measure(network, task, Path(folder))
    document["larger"] = {f"{name}, {side} pixels": timed(name, side) for name, side in LARGER.items()}
    print(table(document))
    if not arguments.trial:
        write_json(HERE / "result.json", document)
        write_table(HERE / "README.md", NAME, table(document))


def trained(network: nn.Module, task: Classification, epochs: int) -> nn.Module:
    """Adam with a learning rate that falls to 0."""
    images, labels = task.train.images, task.train.labels
    assert isinstance(images, Tensor)
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    network.train()
    for _ in range(epochs):
        for chosen in torch.randperm(len(images)).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(images[chosen]), labels[chosen]).backward()
            optimizer.step()
        schedule.step()
    return network.eval()


def measure(network: nn.Module, task: Classification, folder: Path) -> dict[str, Any]:
    """Accuracies (percent, test split), layers left in fp32, and latencies against fp32, of one network."""
    model, test = folder / "model.onnx", task.load_test()
    assert isinstance(test.images, Tensor)
    assert isinstance(task.validation.images, Tensor)
    assert isinstance(task.train.images, Tensor)
    images, validation = test.images, task.validation
    to_onnx(network, task.input_shape, model)
    observed = observe(model, task.train.images[:512])
    bounds = bounds_of(observed, PLAIN)

    def accuracy(path: Path, run: Callable[[Path, Tensor], Tensor]) -> float:
        return task.metric(run(path, images), test.labels)

    fp32 = accuracy(model, run_onnx)
    files = {"fp32": model}
    rows: dict[str, dict[str, Any]] = {}
    for key, form in FORMS.items():
        files[key] = folder / f"{key}.onnx"
        quantize(model, OnnxRuntimeCpu("vnni" if form == INT8 else "any"), bounds, files[key], form=form)
        rows[key] = {"here_percent": accuracy(files[key], run_here), "exact_percent": accuracy(files[key], run_onnx)}
    files["guarded as before"] = folder / "before.onnx"
    before = guarded_as_before(model, bounds, files["guarded as before"], task)
    before["test_percent"] = accuracy(files["guarded as before"], run_here)
    files["export"] = folder / "export.onnx"
    judged = validation.labels
    source = Source(
        model,
        observed,
        512,
        validation.images,
        lambda outputs: task.metric(outputs, judged),
        task.metric(run_onnx(model, validation.images), judged),
    )
    chosen = quantize_best(source, OnnxRuntimeCpu(), files["export"], MAX_LOSS)
    layers = set(layers_of(onnx.load(str(model))))
    export = {
        "method": chosen.method,
        "weights": chosen.weights,
        "floating_layers": len(layers.intersection(chosen.guarded.floating)),
        "floating_nodes": list(chosen.guarded.floating),
        "test_percent": accuracy(files["export"], run_here),
    }
    compared = compare_models({name: str(path) for name, path in files.items()}, batch=BATCH, duration_s=1.5)
    return {
        "layers": len(layers),
        "fp32_percent": fp32,
        "forms": rows,
        "guarded_as_before": before,
        "export": export,
        "times_faster": {name: figures["speedup"] for name, figures in compared["models"].items()},
    }


def timed(name: str, side: int) -> dict[str, float]:
    """How many times faster than fp32 each form of one of torchvision's networks is; its weights are random."""
    torch.manual_seed(0)
    images = torch.randn(16, 3, side, side)
    with tempfile.TemporaryDirectory() as folder:
        files = {"fp32": Path(folder) / "model.onnx"}
        to_onnx(getattr(torchvision().models, name)().eval(), tuple(images.shape[1:]), files["fp32"])
        bounds = bounds_of(observe(files["fp32"], images), PLAIN)
        for key, form in FORMS.items():
            files[key] = Path(folder) / f"{key}.onnx"
            dialect = OnnxRuntimeCpu("vnni" if form == INT8 else "any")
            quantize(files["fp32"], dialect, bounds, files[key], form=form)
        compared = compare_models({key: str(path) for key, path in files.items()}, duration_s=3.0)
    return {key: figures["speedup"] for key, figures in compared["models"].items()}


def run_here(path: Path, images: Tensor) -> Tensor:
    """Outputs as ONNX Runtime computes them by default on this processor."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return torch.from_numpy(session.run(None, {"images": images.numpy()})[0])


def guarded_as_before(model: Path, bounds: Bounds, path: Path, task: Classification) -> dict[str, Any]:
    """8-bit weights, layers alone put back to fp32, judged by what this processor computes."""
    images, labels = task.validation.images, task.validation.labels
    assert isinstance(images, Tensor)

    def judge(floating: tuple[str, ...]) -> float:
        quantize(model, OnnxRuntimeCpu("vnni"), bounds, path, floating)
        return task.metric(run_here(path, images), labels)

    layers = layers_of(onnx.load(str(model)))
    reference = task.metric(run_here(model, images), labels)
    guarded = guard_accuracy(judge, layers, {}, reference, judge(()), MAX_LOSS)
    return {"floating_layers": len(guarded.floating), "validation_loss_points": guarded.loss}


def table(document: dict[str, Any]) -> str:
    """Markdown of the results."""
    lines = [
        "| network | layers | fp32 | int8, 8 bits: here (exactly) | 7 bits | uint8 | guarded as before: layers in fp32 "
        "| export now: layers in fp32 | times faster than fp32: 8 bits, 7 bits, uint8, as before, export |",
        "|---|---:|---:|---|---|---|---|---|---|",
    ]
    for name, row in document["networks"].items():
        fp32, forms, faster = row["fp32_percent"], row["forms"], row["times_faster"]
        before, export = row["guarded_as_before"], row["export"]
        cells = [
            f"{forms[key]['here_percent'] - fp32:+.2f} ({forms[key]['exact_percent'] - fp32:+.2f})" for key in FORMS
        ]
        ratios = ", ".join(f"{faster[key]:.2f}" for key in (*FORMS, "guarded as before", "export"))
        lines.append(
            f"| {name} | {row['layers']} | {fp32:.2f} % | {' | '.join(cells)} "
            f"| {before['test_percent'] - fp32:+.2f}: {before['floating_layers']} "
            f"| **{export['test_percent'] - fp32:+.2f}**: {export['floating_layers']} ({export['weights']}) "
            f"| {ratios} |"
        )
    processor = document["machine"]["cpu"]
    saturating = "sums of INT8 products saturate" if document["sums_saturate"] else "nothing saturates"
    lines += ["", f"Points of test accuracy against fp32; {processor}, on which {saturating}."]
    for name, faster in document["larger"].items():
        ratios = ", ".join(f"{key} {faster[key]:.2f}x" for key in FORMS)
        lines += ["", f"{name}, random weights, one image, faster than fp32: {ratios}."]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
