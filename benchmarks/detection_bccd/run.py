"""Detection on BCCD (blood cells, 3 classes): YOLOv2 and DetectNet against papers 2, 3 and 4.

    python -m benchmarks.detection_bccd.run --data-root DIR --networks tiny-yolov2
    python -m benchmarks.detection_bccd.run --data-root DIR --networks yolov2 detectnet      # on a GPU

DIR is BCCD in PASCAL VOC's layout; its own split is kept. DetectNet sees the same images and boxes in KITTI's layout,
which this script writes below --runs. Wanted, with mAP@0.5 on the test images at most 2 points below the ancestor's:
YOLOv2 33x fewer synapses (StressedNets), or 10x fewer by removal alone; DetectNet 8.16x fewer clusters (Evolution in
Groups) and 10x fewer synapses (synaptic precision).

Resumable: finished runs are kept in --runs, and each killed one goes on where it was. Results go to result.json
and to the table in README.md, both beside this script; --trial leaves them alone, and is small enough to be over soon.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path
from typing import Any

import onnxruntime

from benchmarks.shared.lineages import device, figures, machine
from benchmarks.shared.results import Results, options
from edgesynth.benchmark.measure.quick import compare_models
from edgesynth.export import to_onnx
from edgesynth.lineage import Run, species
from edgesynth.tasks import load_task
from edgesynth.tasks.detection.annotations.voc import read_voc

NAME = "detection_bccd"
MAX_LOSS_POINTS = 2.0
COMMON: dict[str, Any] = {
    "offspring": 1,
    "keep": 0.5,
    "min_accuracy": 0.0,  # judged at the end: what a step loses, the last and longest nurture may win back
    "generations": 12,
    "batch_size": 8,
    "learning_rate": 1e-3,
    "ancestor_epochs": 150,
    "epochs": 15,
    "final_epochs": 150,
}
# What each is bred to: shares of the ancestor's synapses and clusters.
RUNS: dict[str, dict[str, Any]] = {
    "tiny-yolov2": {"task": "voc", "image_size": 416, "synapses": 33.0, "clusters": None},
    "yolov2": {"task": "voc", "image_size": 416, "synapses": 33.0, "clusters": None},
    "detectnet": {"task": "kitti", "image_size": 384, "synapses": 10.0, "clusters": 8.16},
}
# DetectNet at an eighth of its width underfits: for what its ancestor's answers take, it is trained for longer.
OWN: dict[str, dict[str, Any]] = {
    "detectnet": {"distillation": 0.0, "keep_clusters": 0.8, "epochs": 30, "final_epochs": 800}
}
TRIAL = {
    "small": {"tiny-yolov2": "yolov2-small", "yolov2": "yolov2-small", "detectnet": "detectnet-small"},
    "options": {"ancestor_epochs": 2, "epochs": 1, "final_epochs": 1, "generations": 1},
    "image_size": 96,
}


def main() -> None:
    """Breed each network, measure, write the results."""
    parser = options(__doc__, NAME, "BCCD: JPEGImages, Annotations, ImageSets")
    parser.add_argument("--networks", nargs="+", choices=RUNS, default=["tiny-yolov2"])
    parser.add_argument("--image-size", type=int, help="of all networks, pixels; their own by default")
    arguments = parser.parse_args()
    results = Results(NAME, arguments)
    for network in arguments.networks:
        given = given_for(network, arguments)
        for seed in arguments.seeds:
            key = f"{given['ancestor']}, {given['image_size']} pixels, seed {seed}"
            if not results.missing(key, given):
                continue
            run = results.bred(key, given, seed=seed, data_root=root_for(network, arguments))
            row = {
                "network": given["ancestor"],
                "layout": given["task"],
                "wanted": {name: RUNS[network][name] for name in ("synapses", "clusters")},
                "device": device(),
                "machine": {**machine(), "onnxruntime": onnxruntime.__version__},
                "extra_metrics": run.extra_metrics(),
                "latency": latency(run),
                **figures(run),
            }
            results.keep(key, given, row)
    results.publish(table)


def root_for(network: str, arguments: argparse.Namespace) -> Path:
    """The folder of a network's data, in its layout."""
    if RUNS[network]["task"] != "kitti":
        return arguments.data_root
    root = arguments.runs / "kitti"
    if not root.is_dir():
        write_kitti(arguments.data_root, root)
    return root


def given_for(network: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """What a network is bred by: budgets from the papers' ratios."""
    wanted = RUNS[network]
    size = arguments.image_size or (TRIAL["image_size"] if arguments.trial else wanted["image_size"])
    ancestor = TRIAL["small"][network] if arguments.trial else network
    census = species(ancestor, load_task(wanted["task"], root_for(network, arguments), size), 0).anatomy.census()
    given = {**COMMON, **OWN.get(network, {}), "ancestor": ancestor, "task": wanted["task"], "image_size": size}
    given["max_synapses"] = int(census.synapses / wanted["synapses"])
    if wanted["clusters"]:
        given["max_clusters"] = int(census.clusters / wanted["clusters"])
    return {**given, **(TRIAL["options"] if arguments.trial else {})}


def write_kitti(voc: Path, root: Path) -> None:
    """The same images and boxes in KITTI's layout, with the same split."""
    staged = root.with_name(root.name + ".part")
    shutil.rmtree(staged, ignore_errors=True)
    for part, listed in read_voc(voc).parts.items():
        for folder in ("images", "labels"):
            (staged / part / folder).mkdir(parents=True)
        for annotated in listed:
            shutil.copy(annotated.image, staged / part / "images" / annotated.image.name)
            lines = [
                f"{name} 0.00 0 0.00 {left:.2f} {top:.2f} {right:.2f} {bottom:.2f} 0 0 0 0 0 0 0\n"
                for name, left, top, right, bottom in annotated.boxes
            ]
            (staged / part / "labels" / f"{annotated.image.stem}.txt").write_text("".join(lines))
    staged.rename(root)


def latency(run: Run) -> dict[str, float]:
    """Ancestor and offspring interleaved: median milliseconds at batch 1, fp32, one thread of this CPU; their ratio."""
    config = run.config
    kind = species(config.ancestor, load_task(config.task, config.data_root, config.image_size), config.seed)
    names = {"ancestor": "g000-c0", "offspring": run.outcome()["best"]}
    with tempfile.TemporaryDirectory() as folder:
        files = {role: Path(folder) / f"{role}.onnx" for role in names}
        for role, name in names.items():
            to_onnx(kind.removed(run.load(name)), kind.input_shape, files[role])
        paths = {role: str(path) for role, path in files.items()}
        models = compare_models(paths, kind.input_shape, duration_s=3.0)["models"]
    median = {role: models[role]["latency_ms"]["p50"] for role in names}
    return {**{f"{role}_ms": ms for role, ms in median.items()}, "ratio": median["ancestor"] / median["offspring"]}


def table(document: dict[str, Any]) -> str:
    """Markdown of the results; whether both the size and the mAP that are wanted were reached is said of each."""
    lines = [
        "| network | layout | mAP@0.5 (ancestor) | synapses | clusters | parameters, by removal alone | MACs "
        "| ONNX Runtime, CPU | wanted | reached | trained on |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for key, run in document["runs"].items():
        wanted = run["wanted"]
        loss = run["ancestor_test_accuracy_percent"] - run["test_accuracy_percent"]
        small = run["synaptic_efficiency"] >= wanted["synapses"] or (
            wanted["clusters"] is None and run["params_ratio"] >= 10
        )
        small &= run["cluster_efficiency"] >= (wanted["clusters"] or 0)
        asked = ", ".join(f"{least:g}x {name}" for name, least in wanted.items() if least)
        lines.append(
            f"| {key} | {run['layout']} | {run['test_accuracy_percent']:.2f} % "
            f"({run['ancestor_test_accuracy_percent']:.2f} %) | **{run['synaptic_efficiency']:.1f}x** "
            f"| **{run['cluster_efficiency']:.2f}x** | {run['params_ratio']:.1f}x "
            f"| {run['macs_ratio']:.1f}x fewer "
            f"| {run['latency']['ratio']:.2f}x faster | {asked}, loss at most {MAX_LOSS_POINTS:g} points "
            f"| {'yes' if small and loss <= MAX_LOSS_POINTS else 'no'} | {run['device']} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
