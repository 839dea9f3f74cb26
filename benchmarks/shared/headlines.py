"""The table of results in the README of the repository: what the studies have measured, in one look.

    python -m benchmarks.shared.headlines

Nothing is measured here: every figure is read from the `result.json` of a study. Run it after one of them.
"""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

from benchmarks.shared.tables import write_table

BENCHMARKS = Path(__file__).resolve().parent.parent
Row = dict[str, Any]
HOW = {"removal": "by removal alone", "synapses": "single synapses", "clusters": "fewest clusters"}


def main() -> None:
    """Write the table."""
    text = table()
    write_table(BENCHMARKS.parent / "README.md", "headlines", text)
    print(text)


def table() -> str:
    """Markdown."""
    lines = [
        "| work | smaller by | test figure (the ancestor's) | others on the same work |",
        "|---|---|---|---|",
        *lenet5_mnist(),
        *lenet5_records(),
        *resnet_cifar10(),
        *alexnet_cifar10(),
        *saliency_ecssd(),
        *detection_bccd(),
        *segmentation_camvid(),
    ]
    return "\n".join(lines)


def lenet5_mnist() -> list[str]:
    """Evolution in Groups."""
    rows = [row for key, row in rows_of("lenet5_mnist").items() if key.startswith("calibrated")]
    size = f"{mean(rows, 'synaptic_efficiency'):.0f}x synapses, {mean(rows, 'cluster_efficiency'):.2f}x clusters"
    return [line(f"LeNet-5, MNIST{seeds(rows)}", size, accuracy(rows), "Evolution in Groups: 125x, 9.71x")]


def lenet5_records() -> list[str]:
    """The best published ratios."""
    lines = []
    for record, sizes, others in (
        ("removal", {"params_ratio": "parameters", "macs_ratio": "MACs"}, "BC-GHS: 154x, 15x at 1.0 % error"),
        ("synapses", {"synaptic_efficiency": "synapses"}, "Sparse VD: 280x at 0.75 % error; OLMP: 298x at 0.91 %"),
        (
            "clusters",
            {"cluster_efficiency": "clusters"},
            "Evolution in Groups: 9.71x; with two parents 34x at about 3 % error",
        ),
    ):
        rows = [row for row in rows_of("lenet5_records").values() if row["record"] == record]
        size = ", ".join(f"{mean(rows, key):.0f}x {name}" for key, name in sizes.items())
        error = f"{100 - mean(rows, 'test_accuracy_percent'):.2f} % error"
        before = f"({100 - mean(rows, 'ancestor_test_accuracy_percent'):.2f} %)"
        lines.append(line(f"LeNet-5, MNIST, {HOW[record]}{seeds(rows)}", size, f"{error} {before}", others))
    return lines


def resnet_cifar10() -> list[str]:
    """Torch-Pruning at equal MACs and epochs."""
    rows = rows_of("resnet_cifar10")
    lines = []
    for key, own in rows.items():
        peer = rows.get(key.replace("edgesynth", "torch-pruning, our last training"))
        if own["options"]["method"] != "edgesynth" or peer is None:
            continue
        work = f"{own['options']['network']}, CIFAR-10 images, {own['options']['epochs']} epochs"
        others = f"Torch-Pruning, trained in our way: {peer['test_accuracy_percent']:.2f} %"
        lines.append(line(work, f"{own['macs_ratio']:.2f}x MACs", accuracy([own]), others))
    return lines


def alexnet_cifar10() -> list[str]:
    """StressedNets."""
    return [
        line(
            f"AlexNet, CIFAR-10 images, the ancestor trained for {row['options']['ancestor_epochs']} epochs",
            f"{row['synaptic_efficiency']:.1f}x synapses, {row['macs_ratio']:.1f}x MACs",
            accuracy([row]),
            "StressedNets (data set not recovered): 40x synapses",
        )
        for row in rows_of("alexnet_cifar10").values()
    ]


def saliency_ecssd() -> list[str]:
    """Deep Learning with Darwin."""
    return [
        line(
            f"{row['options']['ancestor']}, ECSSD",
            f"{row['synaptic_efficiency']:.0f}x synapses by generation {row['generations'] + 1}",
            accuracy([row], "F-beta"),
            "Deep Learning with Darwin (VGG-16, MSRA-B): 48x by generation 4",
        )
        for row in rows_of("saliency_ecssd").values()
    ]


def detection_bccd() -> list[str]:
    """StressedNets; Evolution in Groups and synaptic precision."""

    def size(row: dict[str, Any]) -> str:
        clusters, params = f"{row['cluster_efficiency']:.2f}x clusters", f"{row['params_ratio']:.1f}x parameters"
        return f"{row['synaptic_efficiency']:.1f}x synapses, {clusters if row['wanted']['clusters'] else params}"

    papers = {
        "tiny-yolov2": "StressedNets (YOLOv2): 33x synapses",
        "yolov2": "StressedNets: 33x synapses",
        "detectnet": "Evolution in Groups, KITTI: 8.16x clusters; synaptic precision: 10x synapses",
    }
    return [
        line(
            f"{row['network']}, BCCD at {row['options']['image_size']} pixels",
            size(row),
            accuracy([row], "mAP@0.5"),
            papers[row["network"]],
        )
        for row in rows_of("detection_bccd").values()
    ]


def segmentation_camvid() -> list[str]:
    """GenSynth."""
    return [
        line(
            f"{row['options']['ancestor']}, CamVid at {row['options']['image_size']} pixels, generative",
            f"{row['params_ratio']:.1f}x parameters, {row['macs_ratio']:.1f}x MACs",
            accuracy([row], "mIoU"),
            "GenSynth (RefineNet): over 10x parameters and MACs",
        )
        for row in rows_of("segmentation_camvid").values()
        if row["individual"]
    ]


def rows_of(name: str) -> dict[str, Row]:
    """What a study has left; nothing if it was never run."""
    file = BENCHMARKS / name / "result.json"
    runs: dict[str, Row] = json.loads(file.read_text())["runs"] if file.is_file() else {}
    return runs


def mean(rows: list[Row], key: str) -> float:
    """Of a figure over seeds."""
    return statistics.mean(row[key] for row in rows)


def seeds(rows: list[Row]) -> str:
    """How many are behind a mean."""
    return f", mean of {len(rows)} seeds" if len(rows) > 1 else ""


def accuracy(rows: list[Row], metric: str = "accuracy") -> str:
    """Of the offspring, and the ancestor's."""
    own, before = mean(rows, "test_accuracy_percent"), mean(rows, "ancestor_test_accuracy_percent")
    return f"{own:.2f} % {metric} ({before:.2f} %)"


def line(*cells: str) -> str:
    """A row of the table."""
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
