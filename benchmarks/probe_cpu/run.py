"""Latency predicted from a probe against latency measured: ResNet-18 at three widths, ONNX Runtime on this CPU.

    python -m benchmarks.probe_cpu.run

The whole network is probed once, its layers at a ladder of output and input widths; the three narrower networks are
never looked at by the probe. Their latency is then the sum of their layers, each interpolated, and of a call. Pooling,
and what is not fused, is in no layer: that is part of the error. All four are measured interleaved after the probe.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import torch
from torch import nn

from benchmarks.shared.tables import write_table
from edgesynth.benchmark.bundle.bundle import open_target
from edgesynth.benchmark.conditions.machine import describe_machine
from edgesynth.benchmark.measure.quick import compare_models
from edgesynth.benchmark.probe.probing import probe
from edgesynth.benchmark.probe.settings import ProbeSettings
from edgesynth.boards.probed import ProbeTable
from edgesynth.export.onnx.onnx_file import to_onnx
from edgesynth.lineage.storage.files import write_json
from edgesynth.optional import torchvision
from edgesynth.planning.cost import read_layers

HERE = Path(__file__).resolve().parent
SIZE = 96
SHARES = (1.0, 0.77, 0.52, 0.3)  # of each layer's channels; none but the first lands on widths that were measured
SETTINGS = ProbeSettings(duration_s=150.0, each_s=0.12, warm_up_s=0.01, finest=32, input_widths=5)


def main() -> None:
    """Probe, measure, and write the result beside this script."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trial", action="store_true", help="print only")
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        paths = {f"{share:g}": write_network(share, Path(folder)) for share in SHARES}
        probed = probe(
            open_target(paths["1"]), str(Path(folder) / "table.json"), "onnxruntime", "fp32", SETTINGS, announce=print
        )
        measured = compare_models(paths, (3, SIZE, SIZE), duration_s=3.0)["models"]
        rows = [row(name, path, probed.table, measured[name]) for name, path in paths.items()]
    document = {
        "benchmark": "probe_cpu",
        "machine": describe_machine(),
        "engine": probed.table.facts["engine"],
        "settings": probed.table.facts["settings"],
        "widths_measured": probed.done,
        "widths_wanted": probed.wanted,
        "flags": probed.table.facts["flags"],
        "call_ms": probed.table.call_ms,
        "networks": rows,
    }
    print(json.dumps(document, indent=1))
    if not arguments.trial:
        write_json(HERE / "result.json", document)
        write_table(HERE / "README.md", "probe_cpu", table(document))


def write_network(share: float, folder: Path) -> str:
    """ResNet-18 whose layers have a share of their channels; its weights are random: they cost no time."""
    path = folder / f"resnet18_{share:g}.onnx"
    torch.manual_seed(0)
    to_onnx(resnet18(share).eval(), (3, SIZE, SIZE), path)
    return str(path)


def resnet18(share: float) -> nn.Module:
    """Torchvision's ResNet-18, every convolution, normalization and the classifier's input made narrower."""
    models = torchvision().models
    model: nn.Module = models.resnet18()
    for name, module in list(model.named_modules()):
        replacement: nn.Module | None = None
        if isinstance(module, nn.Conv2d):
            replacement = nn.Conv2d(
                module.in_channels if name == "conv1" else narrow(module.in_channels, share),
                narrow(module.out_channels, share),
                module.kernel_size,  # type: ignore[arg-type]
                module.stride,  # type: ignore[arg-type]
                module.padding,  # type: ignore[arg-type]
                bias=False,
            )
        elif isinstance(module, nn.BatchNorm2d):
            replacement = nn.BatchNorm2d(narrow(module.num_features, share))
        elif isinstance(module, nn.Linear):
            replacement = nn.Linear(narrow(module.in_features, share), module.out_features)
        if replacement is not None:
            model.set_submodule(name, replacement)
    return model


def narrow(channels: int, share: float) -> int:
    """A share of the channels."""
    return round(share * channels)


def row(name: str, path: str, table: ProbeTable, measured: dict) -> dict:
    """One network: what the probe predicts and what was measured."""
    layers = read_layers(path)
    times = [table.latency_ms(layer.shape, layer.width) for layer in layers]
    covered = sum(layer.macs for layer, ms in zip(layers, times, strict=True) if ms is not None)
    predicted_ms = table.call_ms + sum(ms for ms in times if ms is not None)
    measured_ms, fastest_ms = measured["latency_ms"]["p50"], measured["latency_ms"]["min"]
    return {
        "share_of_channels": float(name),
        "macs": sum(layer.macs for layer in layers),
        "macs_covered": covered,
        "predicted_ms": predicted_ms,
        "measured_ms": measured_ms,
        "fastest_ms": fastest_ms,
        "error": predicted_ms / measured_ms - 1,
        "error_to_fastest": predicted_ms / fastest_ms - 1,
        "measured_cov": measured["latency_ms"]["cov"],
        "flags": measured["flags"],
    }


def table(document: dict) -> str:
    """The table of README.md."""
    lines = [
        f"{document['widths_measured']} of {document['widths_wanted']} widths measured, "
        f"{document['settings']['each_s']:g} s each. Ratios are to the whole network of the same column.",
        *(f"Of this run: {flag}." for flag in document["flags"]),
        "",
        "| channels | MACs | covered | predicted | median (fastest) measured | error to the median (fastest) "
        "| ratio predicted | measured (fastest) |",
        "|---|---|---|---|---|---|---|---|",
    ]
    whole = document["networks"][0]
    for network in document["networks"]:
        lines.append(
            f"| {network['share_of_channels']:.0%} | {network['macs'] / 1e6:.1f} M "
            f"| {network['macs_covered'] / network['macs']:.0%} "
            f"| {network['predicted_ms']:.2f} ms | {network['measured_ms']:.2f} ({network['fastest_ms']:.2f}) ms "
            f"| **{network['error']:+.0%}** ({network['error_to_fastest']:+.0%}) "
            f"| {network['predicted_ms'] / whole['predicted_ms']:.2f} "
            f"| {network['measured_ms'] / whole['measured_ms']:.2f} "
            f"({network['fastest_ms'] / whole['fastest_ms']:.2f}) |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
