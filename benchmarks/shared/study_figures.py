"""The figure by which the index shows each study, read from its `result.json`."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable
from typing import Any

from benchmarks.compiler_zoo import tables as compiler_tables
from benchmarks.shared.headlines import accuracy, mean

Document = dict[str, Any]


def lenet5_mnist(document: Document) -> str:
    """Sizes and test accuracy of the calibrated runs."""
    rows = [row for key, row in document["runs"].items() if key.startswith("calibrated")]
    size = f"{mean(rows, 'synaptic_efficiency'):.0f}x synapses, {mean(rows, 'cluster_efficiency'):.2f}x clusters"
    return f"{size}, {accuracy(rows)}"


def lenet5_records(document: Document) -> str:
    """Mean size and test error of each record."""
    records = []
    for record, key, name in (
        ("removal", "params_ratio", "parameters"),
        ("synapses", "synaptic_efficiency", "synapses"),
        ("clusters", "cluster_efficiency", "clusters"),
    ):
        rows = [row for row in document["runs"].values() if row["record"] == record]
        records.append(f"{mean(rows, key):.0f}x {name} at {100 - mean(rows, 'test_accuracy_percent'):.2f} % error")
    return ", ".join(records)


def ablation(document: Document) -> str:
    """Test accuracy of the best row beside `calibrated` and `dense`."""

    def percent(study: str, row: str) -> str:
        rows = [run for run in document["runs"].values() if (run["study"], run["row"]) == (study, row)]
        return f"{mean(rows, 'test_accuracy_percent'):.2f}"

    best = (("mnist", "+ stress"), ("resnet20", "+ distillation"))
    return "; ".join(
        f"{study}: {row} {percent(study, row)} %, calibrated {percent(study, 'calibrated')}, "
        f"dense {percent(study, 'dense')}"
        for study, row in best
    )


def generative_mnist(document: Document) -> str:
    """Mean NetScore of each search."""
    means = []
    for search in ("inquisitor", "random", "cross-entropy"):
        scores = [run["performance_db"] for run in document["runs"].values() if run["search"] == search]
        means.append(f"{search} {statistics.mean(score for score in scores if score is not None):.2f} dB")
    return ", ".join(means)


def segmentation_camvid(document: Document) -> str:
    """Sizes and mIoU of each run."""
    return joined(
        f"{row['params_ratio']:.1f}x parameters, {row['macs_ratio']:.1f}x MACs, {accuracy([row], 'mIoU')}"
        for row in document["runs"].values()
    )


def saliency_ecssd(document: Document) -> str:
    """Synapses and F-beta of each run."""
    return joined(
        f"{row['synaptic_efficiency']:.1f}x, F-beta {row['test_accuracy_percent'] / 100:.4f} "
        f"({row['ancestor_test_accuracy_percent'] / 100:.4f})"
        for row in document["runs"].values()
    )


def journeys(document: Document) -> str:
    """Boards that run every network, and latency here."""
    pairs = [list(run["networks"].values()) for run in document["runs"].values()]
    boards = min(sum(bool(precision) for precision in best["boards"].values()) for _, best in pairs)
    faster = [before["measured"]["fp32"]["p50_ms"] / best["measured"]["fp32"]["p50_ms"] for before, best in pairs]
    return (
        f"{len(pairs)} networks, each on {boards} of {len(pairs[0][1]['boards'])} boards; "
        f"fp32 {min(faster):.1f}x to {max(faster):.1f}x faster here"
    )


def anatomy(document: Document) -> str:
    """Networks that are proven, and those of the peer that equal the masked one."""
    pairs = document["networks"].values()
    proven = sum(pair["ours"]["status"] == "proven" for pair in pairs)
    equal = sum(pair["peer"]["status"] == "equal" for pair in pairs)
    return f"{proven} of {len(pairs)} proven; Torch-Pruning {equal} equal"


def anatomy_depth(document: Document) -> str:
    """Networks that are proven, and the branches that they have lost."""
    cut = [each for each in document["networks"].values() if "removed" in each]
    proven = sum(each["status"] == "proven" for each in cut)
    removed, removable = (sum(each[key] for each in cut) for key in ("removed", "removable"))
    return f"{proven} of {len(cut)} networks proven, without {removed:,} of {removable:,} removable branches"


def resnet_cifar10(document: Document) -> str:
    """Test accuracy of each network and ratio, and of the peer."""
    rows = document["runs"]
    pairs = [
        (key, row, rows[key.replace("edgesynth", "torch-pruning, its own recipe")])
        for key, row in rows.items()
        if row["options"]["method"] == "edgesynth"
    ]
    return joined(
        f"{', '.join(key.split(', ')[:2])}: {row['test_accuracy_percent']:.2f} %, peer "
        f"{peer['test_accuracy_percent']:.2f}"
        for key, row, peer in pairs
    )


def alexnet_cifar10(document: Document) -> str:
    """Synapses and test accuracy of each run."""
    return joined(f"{row['synaptic_efficiency']:.1f}x, {accuracy([row])}" for row in document["runs"].values())


def detection_bccd(document: Document) -> str:
    """Synapses, clusters and mAP of each network."""
    return joined(
        f"{row['network']}: {row['synaptic_efficiency']:.1f}x synapses, {row['cluster_efficiency']:.2f}x clusters, "
        f"{accuracy([row], 'mAP@0.5')}"
        for row in document["runs"].values()
    )


def killed_and_resumed(document: Document) -> str:
    """Runs that ended the same."""
    trials = document["trials"]
    same = sum(not trial["differing_files"] and not trial["exit_code"] for trial in trials)
    kills = sum(len(trial["killed"]) for trial in trials)
    return f"{same} of {len(trials)} runs the same after {kills} kills"


def damaged_files(document: Document) -> str:
    """Inputs that showed a fault."""
    return f"{document['inputs']:,} inputs, {document['inputs_with_faults']} faults left"


def metrics_speed(document: Document) -> str:
    """Time as a share of the peer's."""
    return joined((f"{row['times_as_long']:.2f}" for row in document["overlaps"].values()), " and ") + " times as long"


def decoded_pixels(document: Document) -> str:
    """Speed of the second command."""
    return joined((f"{row['ratio']:.0f}x" for row in document["tasks"].values()), " and ") + " as fast"


def export_zoo(document: Document) -> str:
    """Networks that were exported, and those that TensorRT 8.2 can read."""
    rows = document["networks"].values()
    good = [row for row in rows if "failure" not in row]
    clean = sum(not row["refused_by_tensorrt_8_2"] for row in good)
    return f"{len(good)} of {len(rows)} exported, {clean} clean"


def compiler_zoo(document: Document) -> str:
    """Misses and false alarms on all files, ours and the peer's."""
    rows = compiler_tables.all_counts(document)
    total = {key: sum(row[key] for row in rows) for key in rows[0]}
    told = [f"{total[f'{judge} miss']} misses, {total[f'{judge} false alarm']} false" for judge in ("plan", "trtcheck")]
    return f"{total['files']:,} files: {told[0]}; trtcheck {told[1]}"


def export_int8(document: Document) -> str:
    """Largest loss of TensorRT's form, by the precision that the lineage was bred at."""
    losses = []
    for bred_at, name in (("fp32", "calibrated"), ("int8", "bred at int8")):
        changes = [
            run["test_accuracy_percent"]["onnx int8"] - run["test_accuracy_percent"]["onnx fp32"]
            for run in document["runs"].values()
            if run["bred_at"] == bred_at
        ]
        losses.append(f"{name} {min(changes):+.2f}")
    return f"points, at worst: {', '.join(losses)}"


def int8_processors(document: Document) -> str:
    """Worst change of plain INT8, and of what export writes."""
    rows = document["networks"].values()
    plain = min(row["forms"]["int8"]["here_percent"] - row["fp32_percent"] for row in rows)
    exported = min(row["export"]["test_percent"] - row["fp32_percent"] for row in rows)
    return f"points, at worst: 8 bits {plain:+.2f}, export {exported:+.2f}"


def ort_agreement(document: Document) -> str:
    """Differences, smallest network first."""
    return joined((f"{row['differ_percent']:+.1f} %" for row in document["models"].values()), ", ")


def sampler_overhead(document: Document) -> str:
    """Change of latency and its interval."""
    low, high = document["overhead_percent_95"]
    return f"{document['overhead_percent']:+.2f} % ({low:+.1f} to {high:+.1f})"


def jittered_sampler(document: Document) -> str:
    """The least share of runs whose interval holds the truth, and that of the peer."""
    cases = ("every_20_ms", "in_step", "out_of_step")
    least = min(row[case] for row in document["periods"] for case in cases)
    peer = min(row["steady_pace_in_step"] for row in document["periods"])
    return f"in {least:.1%} of runs at worst, peer {peer:.1%}"


def cost_model(document: Document) -> str:
    """Median errors on what was not fitted."""
    return (
        f"median error {document['latency_error']['all']:.1%} held out, {document['latency_error']['nano']:.1%} on "
        f"Nano; energy {document['energy_error']:.1%}"
    )


def probe_cpu(document: Document) -> str:
    """Range of the errors to the median call."""
    errors = [row["error"] for row in document["networks"]]
    return f"{max(errors):+.0%} to {min(errors):+.0%} of the median call"


def latency_table(document: Document) -> str:
    """Median error on networks that were not probed, and what the probes took."""
    spent = sum(probe["duration_s"] for probe in document["probes"] if not probe["again"])
    unseen = sum(not row["seen"] for row in document["networks"])
    return f"median error {document['median_error']:.1%} on {unseen} networks; probed in {spent:.0f} s"


def joined(parts: Iterable[str], by: str = "; ") -> str:
    """The parts in one cell."""
    return by.join(parts)


def clock_curve(document: Document) -> str:
    """Mean test accuracy at each goal of speed: ours, and that of the best peer that has a row."""
    goals: dict[tuple[str, float], dict[str, list[float]]] = {}
    for row in document["runs"].values():
        given = row["options"]
        if given["speed"] and "test_accuracy_percent" in row:
            methods = goals.setdefault((given["network"], given["speed"]), {})
            methods.setdefault(given["method"], []).append(row["test_accuracy_percent"])
    told = []
    for (network, speed), accuracies in sorted(goals.items()):
        means = {method: statistics.mean(each) for method, each in accuracies.items()}
        ours = means.pop("edgesynth", None)
        parts = [f"{ours:.2f} %"] if ours is not None else []
        parts += [f"{method} {mean:.2f}" for method, mean in sorted(means.items(), key=lambda pair: -pair[1])[:1]]
        told.append(f"{network}, {speed:g}x: {', '.join(parts)}")
    return joined(told)


def aarch64(document: Document) -> str:
    """Forms of the network that are as exported on the board's code."""
    hops = document["hops"]
    return f"{sum(hop['ok'] for hop in hops)} of {len(hops)} forms as exported"


FIGURES: dict[str, Callable[[Document], str]] = {
    "lenet5_mnist": lenet5_mnist,
    "lenet5_records": lenet5_records,
    "resnet_cifar10": resnet_cifar10,
    "clock_curve": clock_curve,
    "alexnet_cifar10": alexnet_cifar10,
    "saliency_ecssd": saliency_ecssd,
    "detection_bccd": detection_bccd,
    "segmentation_camvid": segmentation_camvid,
    "generative_mnist": generative_mnist,
    "ablation": ablation,
    "anatomy_zoo": anatomy,
    "anatomy_ops": anatomy,
    "anatomy_depth": anatomy_depth,
    "export_zoo": export_zoo,
    "compiler_zoo": compiler_zoo,
    "export_int8": export_int8,
    "int8_processors": int8_processors,
    "journeys": journeys,
    "cost_model": cost_model,
    "probe_cpu": probe_cpu,
    "latency_table": latency_table,
    "ort_agreement": ort_agreement,
    "sampler_overhead": sampler_overhead,
    "jittered_sampler": jittered_sampler,
    "metrics_speed": metrics_speed,
    "decoded_pixels": decoded_pixels,
    "killed_and_resumed": killed_and_resumed,
    "damaged_files": damaged_files,
    "aarch64": aarch64,
}
