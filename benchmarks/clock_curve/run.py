"""Residual networks on CIFAR-10 images: accuracy against measured latency, beside the peers.

    python -m benchmarks.clock_curve.run --data-root DIR --weights FILE.safetensors

DIR holds train/CLASS/*.jpg and test/CLASS/*.jpg; FILE the weights of an ancestor that is trained on them. The clock is
ONNX Runtime on this CPU, one thread, one image. At each speed every method has the same budget of predicted latency, by
one table of measured layer times, and the same epochs in all, with the same last training; then all networks are
measured by turns, beside a ResNet-20 that was trained from scratch, which is what one would take instead.

Resumable: finished rows are taken from result.json beside this script (unless --again), killed runs of ours go on in
--runs, where the ONNX files lie too. With --trial the JSON goes to --runs and the table is only printed.
"""

from __future__ import annotations

import argparse
import functools
import math
import statistics
import tempfile
import time
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import load_file
from torch import nn

from benchmarks.clock_curve.peers import PEERS, Goal, OutOfReachError
from benchmarks.resnet_cifar10.peer import macs
from benchmarks.shared.interleaved import measure
from benchmarks.shared.lineages import ANCESTOR, device, epochs_of, machine
from benchmarks.shared.results import Results, options
from edgesynth.anatomy import Anatomy, trace
from edgesynth.ancestors import build_ancestor
from edgesynth.api import Evolved
from edgesynth.benchmark.conditions.machine import describe_machine
from edgesynth.benchmark.probe.grid.parts import parts_of
from edgesynth.benchmark.probe.onnx_graph import read_graph
from edgesynth.evolution.offspring.matched_streams import matched_streams
from edgesynth.export.onnx.onnx_file import to_onnx
from edgesynth.export.onnx.times import OnnxRuntimeClock
from edgesynth.lineage import Run, generator
from edgesynth.nurture import Hardware, Recipe, Teacher, choose_autocast, choose_device, nurture, score
from edgesynth.tasks import Classification, load_task

NAME = "clock_curve"
OURS = "edgesynth"
METHODS = [OURS, *PEERS]
EPOCHS = 10  # of each method in all
OPSET = 17
ROUND_TO = 8
TRAINING = {"batch_size": 64, "learning_rate": 1.5e-3, "feature_distillation": 3.0}  # of all methods
GENERATIONS = 2  # by equal steps of the latency; the second has nine of the ten epochs


class Work(NamedTuple):
    """What is made faster.

    Attributes:
        image_size: in pixels.
        speeds: ancestor's latency over a goal.
        instead: a network by whose trained weights one could do without.
    """

    image_size: int
    speeds: tuple[float, ...]
    instead: str | None = None


WORKS = {
    "resnet56": Work(32, (1.5, 2.0, 3.0, 4.0), "resnet20"),
    "resnet18": Work(64, (2.0,)),
    "mobilenet-v2-cifar": Work(64, (2.0,)),
}
SETTINGS: dict[str, Any] = {
    "task": "imagefolder",
    "encoding": "cluster",
    "strength": "taylor",
    "allocation": "shape",
    "branches": True,
    "board": "local",
    "round_to": ROUND_TO,
    "keep": 1.0,
    "offspring": 1,
    "ancestor_epochs": 0,
    "min_accuracy": 0.0,
    "generations": GENERATIONS,
    "epochs": 1,
    "final_epochs": EPOCHS + 1 - GENERATIONS,
    **TRAINING,
}


def main() -> None:
    """Make what rows are not there yet, measure those that are here, write the results."""
    parser = options(__doc__, NAME, "folder that holds train/ and test/")
    parser.add_argument("--weights", required=True, help="the trained ancestor's")
    parser.add_argument("--network", choices=WORKS, default="resnet56", help="the ancestor")
    parser.add_argument("--small-weights", help="of a trained ResNet-20, beside ResNet-56")
    parser.add_argument("--speeds", type=float, nargs="+", help="ancestor's latency over a goal; else all of them")
    parser.add_argument("--methods", nargs="+", default=METHODS, help="ours and the peers' names")
    arguments = parser.parse_args()
    results = Results(NAME, arguments)
    study = Study(arguments, results)
    speeds = arguments.speeds or WORKS[arguments.network].speeds
    for speed, seed, method in product(speeds, arguments.seeds, arguments.methods):
        study.make(method, speed, seed)
    study.measure()
    results.publish(table)


class Study:
    """The rows of this machine.

    Args:
        arguments: what the command line said.
        results: where rows are kept.
    """

    def __init__(self, arguments: argparse.Namespace, results: Results) -> None:
        self.arguments, self.results = arguments, results
        self.onnx = arguments.runs / "onnx"
        self.onnx.mkdir(parents=True, exist_ok=True)
        self.name, self.work = arguments.network, WORKS[arguments.network]
        self.network = build_ancestor(self.name)
        self.network.load_state_dict(load_file(arguments.weights))
        self.network.eval()
        self.task: Classification = load_task("imagefolder", arguments.data_root, self.work.image_size)
        self.times, _ = OnnxRuntimeClock().measure(self.network, self.task.input_shape, OPSET, print)
        self.whole_ms = self.latency_ms(self.network)

    def make(self, method: str, speed: float, seed: int) -> None:
        """Train the network of a method at a speed, unless it is there."""
        key = f"{self.name}, {speed:g}x, {method}, seed {seed}"
        given: dict[str, Any] = {"network": self.name, "method": method, "speed": speed, "epochs": EPOCHS}
        if method == OURS:
            step = 0.999 * speed ** (-1 / GENERATIONS)
            own = {"ancestor": self.name, "image_size": self.work.image_size, "speedup": speed, "keep_clusters": step}
            given["lineage"] = {**SETTINGS, **own}
        if not self.results.missing(key, given):
            return
        start = time.perf_counter()
        try:
            network, facts = self._ours(key, given["lineage"], seed) if method == OURS else self._peer(given, seed)
        except OutOfReachError as error:
            print(f"  {error}", flush=True)
            self.results.keep(key, given, {"seed": seed, "least_ms": error.least_ms, "whole_ms": self.whole_ms})
            return
        to_onnx(network, self.task.input_shape, self.onnx / f"{key}.onnx", OPSET)
        seconds = time.perf_counter() - start
        self.results.keep(key, given, {"seed": seed, **facts, "seconds": seconds, **self._facts(network)})

    def _ours(self, key: str, given: dict[str, Any], seed: int) -> tuple[nn.Module, dict[str, Any]]:
        run: Run = self.results.bred(
            key, given, seed=seed, data_root=self.arguments.data_root, weights=self.arguments.weights
        )
        best = run.record(run.outcome()["best"])
        network = Evolved.open(run.path).network(best.name)
        epochs = {record.name: epochs_of(record) for record in run.records() if record.name != ANCESTOR}
        return network, {"epochs": sum(epochs.values()), "generations": len(epochs)}

    def _peer(self, given: dict[str, Any], seed: int) -> tuple[nn.Module, dict[str, Any]]:
        method, most_ms = given["method"], self.whole_ms / given["speed"]
        goal = Goal(self.network, self.task, most_ms, self.latency_ms, self.times, ROUND_TO, seed)
        start = time.perf_counter()
        small = PEERS[method](goal)
        search_s = time.perf_counter() - start
        draws = generator(seed, 1, 0, "tune")
        print(f"  {method}: {self.latency_ms(small):.3f} ms predicted, {search_s:.0f} s of search", flush=True)
        recipe = Recipe(
            EPOCHS, TRAINING["batch_size"], TRAINING["learning_rate"], features=TRAINING["feature_distillation"]
        )
        hardware, places = self.hardware(small), self.places(small)
        nurture(small, self.task, recipe, draws, teacher=self.teacher, hardware=hardware, places=places)
        return small, {"epochs": EPOCHS, "search_s": search_s}

    def _keep_small(self) -> None:
        """The row of the ResNet-20, if its weights were given."""
        if not (self.arguments.small_weights and self.work.instead):
            return
        key, network = f"{self.work.instead}, from scratch", build_ancestor(self.work.instead)
        network.load_state_dict(load_file(self.arguments.small_weights))
        to_onnx(network.eval(), self.task.input_shape, self.onnx / f"{key}.onnx", OPSET)
        given = {"network": self.name, "method": key, "speed": None, "epochs": None}
        if self.results.missing(key, given):
            self.results.keep(key, given, {"seed": None, "epochs": None, **self._facts(network)})

    def _facts(self, network: nn.Module) -> dict[str, Any]:
        return {
            "test_accuracy_percent": score(network, self.task, self.test),
            "ancestor_test_accuracy_percent": self.ancestor_test,
            "macs": macs(network, torch.zeros(1, *self.task.input_shape)),
            "params": sum(parameter.numel() for parameter in network.parameters()),
            "convolutions": sum(isinstance(module, nn.Conv2d) for module in network.modules()),
            "predicted_ms": self.latency_ms(network),
            "predicted_ancestor_ms": self.whole_ms,
            "machine": {**machine(), "cpu": describe_machine()["cpu"]},
            "device": device(),
        }

    def latency_ms(self, network: nn.Module) -> float:
        """Latency of a network as the table of layer times predicts it, in ms."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "model.onnx"
            to_onnx(network, self.task.input_shape, file, OPSET)
            parts = parts_of(read_graph(str(file)))
        return self.times.network_ms(parts.places, parts.beside)

    def hardware(self, network: nn.Module) -> Hardware:
        """Where a network is trained, and in what number format: as a lineage chooses it."""
        where = choose_device("auto")
        return Hardware(where, choose_autocast("auto", where, macs(network, torch.zeros(1, *self.task.input_shape))))

    def places(self, network: nn.Module) -> dict[str, None]:
        """Where a peer's features are compared with the ancestor's: as ours, where it has all of the channels."""
        plan = self.anatomy.plan({})
        whole = matched_streams(self.anatomy, plan, self.network)
        modules, own = dict(self.network.named_modules()), dict(network.named_modules())
        return {name: None for name in whole if name in own and _inputs(own[name]) == _inputs(modules[name])}

    @functools.cached_property
    def anatomy(self) -> Anatomy:
        """Of the ancestor."""
        return trace(self.network, (torch.zeros(2, *self.task.input_shape),))

    @functools.cached_property
    def teacher(self) -> Teacher:
        """The ancestor."""
        return Teacher(self.network, self.task, self.hardware(self.network))

    @functools.cached_property
    def test(self) -> Any:
        """The test split."""
        return self.task.load_test()

    @functools.cached_property
    def ancestor_test(self) -> float:
        """The ancestor's accuracy, in percent."""
        return score(self.network, self.task, self.test)

    def measure(self) -> None:
        """Measure all networks whose files are here, by turns with the ancestor."""
        self._keep_small()
        rows = self.results.document["runs"]
        own = [key for key, row in rows.items() if row["options"]["network"] == self.name]
        files = {key: str(self.onnx / f"{key}.onnx") for key in own if (self.onnx / f"{key}.onnx").is_file()}
        if not files:
            return
        ancestor = self.onnx / f"{self.name}.onnx"
        to_onnx(self.network, self.task.input_shape, ancestor, OPSET)
        measured = measure({ANCESTOR: str(ancestor), **files})
        load = describe_machine()["load_1min"]
        for key in files:
            figures = {"measured_ms": measured[key]["quiet"], "measured_ancestor_ms": measured[ANCESTOR]["quiet"]}
            figures["median_ms"], figures["median_ancestor_ms"] = measured[key]["p50"], measured[ANCESTOR]["p50"]
            self.results.keep(key, rows[key].pop("options"), {**rows[key], **figures, "load": load})


def table(document: dict[str, Any]) -> str:
    """Markdown: a row for each network, speed and method, over its seeds."""
    groups: dict[tuple[str, float, str], list[dict[str, Any]]] = {}
    for row in document["runs"].values():
        given = row["options"]
        groups.setdefault((given["network"], given["speed"] or math.inf, given["method"]), []).append(row)
    lines = [
        "| network (accuracy) | goal | method | test accuracy, mean (each seed) | faster, measured | faster, predicted "
        "| MACs | convolutions |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for network, speed, method in sorted(groups, key=lambda group: (*group[:2], _rank(group[2]))):
        rows = [row for row in groups[network, speed, method] if "least_ms" not in row]
        goal = "" if math.isinf(speed) else f"{speed:g}x"
        if not rows:
            row = groups[network, speed, method][0]
            lines.append(
                f"| {network} | {goal} | {method} | reaches {row['whole_ms'] / row['least_ms']:.2f}x | | | | |"
            )
            continue
        accuracies = [row["test_accuracy_percent"] for row in rows]
        each = f" ({', '.join(f'{accuracy:.2f}' for accuracy in accuracies)})" if len(rows) > 1 else ""
        lines.append(
            f"| {network} ({rows[0]['ancestor_test_accuracy_percent']:.2f} %) | {goal} | {method} "
            f"| **{statistics.mean(accuracies):.2f} %**{each} "
            f"| {_ratio(rows, 'measured_ancestor_ms', 'measured_ms')} "
            f"| {_ratio(rows, 'predicted_ancestor_ms', 'predicted_ms')} "
            f"| {statistics.mean(row['macs'] for row in rows) / 1e6:.1f} M "
            f"| {statistics.mean(row['convolutions'] for row in rows):.0f} |"
        )
    return "\n".join(lines)


def _inputs(layer: nn.Module) -> int | None:
    """Input channels of a convolution or linear layer; None of what stands where a layer was."""
    return layer.weight.shape[1] if isinstance(layer, nn.Conv2d | nn.Linear) else None


def _rank(method: str) -> int:
    return METHODS.index(method) if method in METHODS else len(METHODS)


def _ratio(rows: list[dict[str, Any]], whole: str, small: str) -> str:
    ratios = [row[whole] / row[small] for row in rows if small in row]
    return f"{statistics.mean(ratios):.2f}x" if ratios else ""


if __name__ == "__main__":
    main()
