"""A grid of two networks predicts networks that it never saw: ONNX Runtime on this CPU, one thread.

    python -m benchmarks.latency_table.run

ResNet-56 at 32x32 and MobileNetV2 at 96x96 are probed into an empty grid, and once more to see
what a second probe takes; then networks of other widths and depths are predicted by what the grid holds, and
measured, interleaved, in rounds until one is quiet. None of them is looked at by the probe.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from benchmarks.shared.interleaved import WINDOW_S, measure
from benchmarks.shared.tables import write_table
from edgesynth.ancestors.zoo.mobilenet import InvertedResidual, MobileNetV2
from edgesynth.ancestors.zoo.resnet_cifar import Block, ResNet
from edgesynth.benchmark.bundle.bundle import open_target
from edgesynth.benchmark.conditions.machine import describe_machine
from edgesynth.benchmark.probe.grid.measuring import Measured, probe_grid
from edgesynth.benchmark.probe.grid.parts import parts_of
from edgesynth.benchmark.probe.onnx_graph import read_graph
from edgesynth.boards.probed.grid import kind_name
from edgesynth.export.onnx.onnx_file import to_onnx
from edgesynth.lineage.storage.files import write_json
from edgesynth.planning.cost.times import GridTimes

HERE = Path(__file__).resolve().parent
SEEN = {"ResNet-56": (3, 32, 32), "MobileNetV2": (3, 96, 96)}
QUIET = 1.5  # running tasks over the last minute, this one's own among them
PATIENCE_S = 420.0


def main() -> None:
    """Probe, predict, measure, and write the result beside this script."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trial", action="store_true", help="print only, after one round")
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        shapes = {name: shape for name, (shape, _) in NETWORKS.items()}
        paths = {name: write_network(name, build, shapes[name], folder) for name, (_, build) in NETWORKS.items()}
        grid_path = os.path.join(folder, "grid.json")
        probes = [probed(name, paths[name], grid_path, again) for again in (False, True) for name in SEEN]
        times = GridTimes.read(grid_path)
        machine = describe_machine()
        rounds = measured_rounds(paths, shapes, 0.0 if arguments.trial else PATIENCE_S)
        quietest = min(rounds, key=lambda measured_round: measured_round.load)
        rows = [row(name, path, times, quietest.measured[name]) for name, path in paths.items()]
    document = {
        "benchmark": "latency_table",
        "machine": machine,
        "engine": times.grid.facts["engine"],
        "probes": probes,
        "call_ms": times.call_ms,
        "blocks": {
            kind_name(shape): [blocks._asdict() for blocks in times.blocks(shape)] for shape in times.grid.layers
        },
        "networks": rows,
        "median_error": median_error(rows, "error"),
        "median_error_to_quiet": median_error(rows, "error_to_quiet"),
        "load": quietest.load,
        "loads_of_all_rounds": [measured_round.load for measured_round in rounds],
    }
    print(json.dumps(document, indent=1))
    print(table(document))
    if not arguments.trial:
        write_json(HERE / "result.json", document)
        write_table(HERE / "README.md", "latency_table", table(document))


class Round(NamedTuple):
    """All networks, measured once.

    Attributes:
        measured: of each network, its figures.
        load: running tasks over the minute that ended with the round, this one's own among them.
    """

    measured: dict[str, dict[str, float]]
    load: float


def measured_rounds(paths: dict[str, str], shapes: dict[str, tuple[int, ...]], patience_s: float) -> list[Round]:
    """Measure all networks until a round was quiet, but not forever."""
    until = time.monotonic() + patience_s
    rounds: list[Round] = []
    while not rounds or (rounds[-1].load > QUIET and time.monotonic() < until):
        figures: dict[str, dict[str, float]] = {}
        for shape in dict.fromkeys(shapes.values()):
            figures.update(measure({name: path for name, path in paths.items() if shapes[name] == shape}))
        rounds.append(Round(figures, describe_machine()["load_1min"]))
        print(f"round {len(rounds)}: {rounds[-1].load:g} running tasks", flush=True)
    return rounds


def probed(name: str, path: str, grid_path: str, again: bool) -> dict[str, Any]:
    """Probe a network into the grid."""
    load = describe_machine()["load_1min"]
    measured: Measured = probe_grid(open_target(path), grid_path, announce=print)
    return {
        "network": name,
        "again": again,
        "places": measured.wanted,
        "new_places": measured.new,
        "duration_s": round(measured.duration_s, 1),
        "load_before": load,
    }


def write_network(name: str, build: Callable[[], nn.Module], shape: tuple[int, ...], folder: str) -> str:
    """A network of random weights, which cost no time, as ONNX."""
    path = Path(folder) / f"{''.join(letter if letter.isalnum() else '_' for letter in name)}.onnx"
    torch.manual_seed(0)
    to_onnx(build().eval(), shape, path)
    return str(path)


def resnet(blocks: int, inner: Callable[[int], int] | None = None) -> nn.Module:
    """A ResNet for 32x32 images whose blocks have other widths within; what goes around them keeps its own.

    Args:
        blocks: in each of the three stages.
        inner: from a block's width to the one within it; None leaves it.
    """
    model = ResNet(blocks)
    for block in model.modules():
        if inner is not None and isinstance(block, Block):
            width = inner(block.conv1.out_channels)
            block.conv1 = conv(block.conv1, block.conv1.in_channels, width)
            block.bn1 = nn.BatchNorm2d(width)
            block.conv2 = conv(block.conv2, width, block.conv2.out_channels)
    return model


def mobilenet(
    width: Callable[[int], int] | None = None, inner: Callable[[int], int] | None = None, fewer: bool = False
) -> nn.Module:
    """MobileNetV2 of other widths or fewer blocks.

    Args:
        width: from the channels of every layer to those that it has instead; None leaves them.
        inner: the same of what lies within the blocks.
        fewer: leave out every block that an addition goes around but the first of its stage.
    """
    model = MobileNetV2(1000, unhalved=0)
    if fewer:
        kept: list[nn.Module] = []
        for block in model.features:
            last = kept[-1] if kept else None
            if not (getattr(block, "around", False) and getattr(last, "around", False)):
                kept.append(block)
        model.features = nn.Sequential(*kept)
    for block in model.modules():
        if inner is not None and isinstance(block, InvertedResidual) and len(block.conv) == 4:
            change = inner(block.conv[0][0].out_channels)
            resize(block.conv[0], lambda old: old, lambda old, new=change: new)  # type: ignore[misc]
            resize(block.conv[1], lambda old, new=change: new, lambda old, new=change: new)  # type: ignore[misc]
            block.conv[2] = conv(block.conv[2], change, block.conv[2].out_channels)
    if width is not None:
        for name, module in list(model.named_modules()):
            if isinstance(module, nn.Conv2d):
                inputs = 3 if module.in_channels == 3 else width(module.in_channels)
                model.set_submodule(name, conv(module, inputs, width(module.out_channels)))
            elif isinstance(module, nn.BatchNorm2d):
                model.set_submodule(name, nn.BatchNorm2d(width(module.num_features)))
            elif isinstance(module, nn.Linear):
                model.set_submodule(name, nn.Linear(width(module.in_features), module.out_features))
    return model


def resize(layer: nn.Module, inputs: Callable[[int], int], outputs: Callable[[int], int]) -> None:
    """Change the widths of a convolution with its normalization."""
    old = layer[0]  # type: ignore[index]
    layer[0] = conv(old, inputs(old.in_channels), outputs(old.out_channels))  # type: ignore[index]
    layer[1] = nn.BatchNorm2d(outputs(old.out_channels))  # type: ignore[index]


def conv(old: nn.Conv2d, inputs: int, outputs: int) -> nn.Conv2d:
    """The same convolution at other widths."""
    groups = outputs if old.groups > 1 else 1
    return nn.Conv2d(
        inputs, outputs, old.kernel_size, old.stride, old.padding, groups=groups, bias=False  # type: ignore[arg-type]
    )  # fmt: skip


def drawn(seed: int, least: float) -> Callable[[int], int]:
    """A width of its own for each layer, as a removal that knows no blocks leaves it."""
    draws = random.Random(seed)
    return lambda width: max(int(width * draws.uniform(least, 1)), 1)


NETWORKS: dict[str, tuple[tuple[int, ...], Callable[[], nn.Module]]] = {
    "ResNet-56": (SEEN["ResNet-56"], lambda: resnet(9)),
    "ResNet-56, inner widths halved (8, 16, 32)": (SEEN["ResNet-56"], lambda: resnet(9, lambda width: width // 2)),
    "ResNet-56, inner widths odd (7, 15, 30)": (
        SEEN["ResNet-56"],
        lambda: resnet(9, {16: 7, 32: 15, 64: 30}.__getitem__),
    ),
    "ResNet-56, inner widths over a block (9, 17, 33)": (
        SEEN["ResNet-56"],
        lambda: resnet(9, lambda width: width // 2 + 1),
    ),
    "ResNet-56, each inner width drawn": (SEEN["ResNet-56"], lambda: resnet(9, drawn(1, 0.3))),
    "ResNet-32": (SEEN["ResNet-56"], lambda: resnet(5)),
    "ResNet-20": (SEEN["ResNet-56"], lambda: resnet(3)),
    "ResNet-20, inner widths of quarter blocks (12, 20, 44)": (
        SEEN["ResNet-56"],
        lambda: resnet(3, {16: 12, 32: 20, 64: 44}.__getitem__),
    ),
    "MobileNetV2": (SEEN["MobileNetV2"], mobilenet),
    "MobileNetV2, half as wide (multiples of 8)": (
        SEEN["MobileNetV2"],
        lambda: mobilenet(width=lambda width: max(8, 8 * round(width / 16))),
    ),
    "MobileNetV2, three quarters as wide (even)": (
        SEEN["MobileNetV2"],
        lambda: mobilenet(width=lambda width: 2 * round(0.375 * width)),
    ),
    "MobileNetV2, three fifths as wide (odd)": (
        SEEN["MobileNetV2"],
        lambda: mobilenet(width=lambda width: int(0.6 * width) | 1),
    ),
    "MobileNetV2, inner widths halved": (SEEN["MobileNetV2"], lambda: mobilenet(inner=lambda width: width // 2)),
    "MobileNetV2, each inner width drawn": (SEEN["MobileNetV2"], lambda: mobilenet(inner=drawn(2, 0.3))),
    "MobileNetV2, fewer blocks": (SEEN["MobileNetV2"], lambda: mobilenet(fewer=True)),
}


def row(name: str, path: str, times: GridTimes, measured: dict[str, float]) -> dict[str, Any]:
    """One network: what the grid predicts and what was measured."""
    parts = parts_of(read_graph(path))
    predicted_ms = times.network_ms(parts.places, parts.beside)
    return {
        "network": name,
        "seen": name in SEEN,
        "predicted_ms": predicted_ms,
        "beside_ms": sum(times.beside_ms(operators) for operators in parts.beside),
        "measured_ms": measured["p50"],
        "quiet_ms": measured["quiet"],
        "fastest_ms": measured["min"],
        "error": predicted_ms / measured["p50"] - 1,
        "error_to_quiet": predicted_ms / measured["quiet"] - 1,
        "measured_cov": measured["cov"],
        "calls": measured["count"],
    }


def median_error(rows: list[dict[str, Any]], name: str) -> float:
    """Of the networks that were not seen."""
    return statistics.median(abs(network[name]) for network in rows if not network["seen"])


def table(document: dict[str, Any]) -> str:
    """The table of README.md."""
    lines = [
        f"{document['machine']['cpu']}, {document['engine']['name']} {document['engine']['version']}, one thread; "
        f"{document['load']:g} running tasks on {document['machine']['cores']} cores while the networks were measured, "
        f"the study's own among them, in the quietest of {len(document['loads_of_all_rounds'])} rounds.",
        "",
        "| probe | places | measured | time | running tasks before |",
        "|---|---|---|---|---|",
    ]
    for probe in document["probes"]:
        again = ", again" if probe["again"] else ""
        lines.append(
            f"| {probe['network']}{again} | {probe['places']} | {probe['new_places']} | {probe['duration_s']:.1f} s "
            f"| {probe['load_before']:g} |"
        )
    unseen = sum(not network["seen"] for network in document["networks"])
    lines += [
        "",
        f"Median error of the {unseen} networks that were not probed: **{document['median_error']:.1%}** of the median "
        f"call, {document['median_error_to_quiet']:.1%} of the median in its quietest {WINDOW_S:g} s.",
        "",
        "| network | predicted | of it beside layers | median (quietest) measured | error to the median (quietest) |",
        "|---|---|---|---|---|",
    ]
    for network in document["networks"]:
        probed_too = " (probed)" if network["seen"] else ""
        lines.append(
            f"| {network['network']}{probed_too} | {network['predicted_ms']:.3f} ms | {network['beside_ms']:.3f} ms "
            f"| {network['measured_ms']:.3f} ({network['quiet_ms']:.3f}) ms "
            f"| **{network['error']:+.1%}** ({network['error_to_quiet']:+.1%}) |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
