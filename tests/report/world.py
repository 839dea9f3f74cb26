"""A run directory as `edgesynth evolve` leaves it: LeNet-5 on digits, cut by hand, so that every figure is known."""

import json
import random

import torch

from edgesynth.anatomy import remove
from edgesynth.lineage import Genome, Individual, Record, state

# (generation, child): parent, kept channels of conv1, conv2 and fc1, share of fc1's synapses, validation accuracy (%)
STORY = {
    (0, 0): (None, (20, 50, 500), 1.0, 98.67),
    (1, 0): ("g000-c0", (14, 35, 350), 0.5, 98.33),
    (1, 1): ("g000-c0", (16, 40, 400), 0.5, 98.00),
    (2, 0): ("g001-c0", (10, 20, 200), 0.5, 61.00),
    (2, 1): ("g001-c0", (10, 25, 250), 0.5, 98.00),
}
FLOOR = 97.67


def genome(lenet, kept, share):
    """Cut to the first channels of each layer, and to the first synapses of each row of fc1."""
    first = dict(zip(("conv1", "conv2", "fc1"), kept, strict=True))
    weights = lenet.model.state_dict()
    mask = torch.zeros(weights["fc1.weight"].shape, dtype=torch.bool)
    # Each channel of conv2 is 4 x 4 inputs of fc1.
    mask[: kept[2], : int(16 * kept[1] * share)] = True
    return Genome({name: list(range(count)) for name, count in first.items()}, {"fc1.weight": mask})


def add(run, lenet, place):
    """Breed one individual of the story."""
    parent, kept, share, validation = STORY[place]
    drawn = genome(lenet, kept, share)
    record = Record(*place, (parent,) if parent else (), validation, validation >= FLOOR, drawn.census(lenet.anatomy))
    run.save(Individual(record, drawn, state(remove(lenet.model, lenet.plan(drawn)))))
    return record


def measurement(precision, median_ms, **changes):
    """One measurement with 400 plausible latencies, and the figures that belong to them."""
    source = random.Random(precision)
    samples = [round(median_ms * (1 + source.expovariate(20)), 6) for _ in range(399)] + [6 * median_ms]
    ranked = sorted(samples)
    mean = sum(samples) / len(samples)
    std = (sum((value - mean) ** 2 for value in samples) / len(samples)) ** 0.5
    one = {
        "precision": precision,
        "batch": 1,
        "file": f"model.{precision}.onnx",
        "dialect": "plain",
        "bytes": 123456,
        "latency_ms": {
            "p50": ranked[199],
            "p90": ranked[359],
            "p99": ranked[395],
            "mean": mean,
            "min": ranked[0],
            "std": std,
            "cov": std / mean,
            "count": len(samples),
        },
        "throughput_images_per_s": 1000 / mean,
        "accuracy_percent": 98.0,
        "accuracy_reason": None,
        "energy": {"per_image_mj": None, "images_per_joule": None, "reason": "no RAPL found: /sys has no powercap"},
        "speedup_vs_fp32": None,
        "flags": [],
        "samples_ms": samples,
    }
    return {**one, **changes}


def write_result(run, bundle, *measurements, **changes):
    """Write a bundle's result.json as `edgesynth benchmark` does."""
    folder = run.path / "bundles" / bundle
    folder.mkdir(parents=True)
    result = {
        "schema": 1,
        "kind": "benchmark",
        "individual": bundle,
        "bundle": bundle,
        "created_utc": "2024-01-01T00:00:00Z",
        "machine": {"cpu": "A Processor @ 2 GHz", "board": None, "cores": 2, "load_1min": 0.25},
        "engine": {"name": "onnxruntime", "version": "1.20.0", "threads": 1},
        "settings": {"batches": [1, 8], "duration_s": 3.0},
        "measurements": list(measurements),
    }
    (folder / "result.json").write_text(json.dumps({**result, **changes}))
    return folder / "result.json"
