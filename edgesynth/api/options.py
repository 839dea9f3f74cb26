"""Options of the functions, as types: a checker knows each by its name, and refuses one that is misspelt.

Each stands for an option of a command, with underscores, and means what `--help` says of it. A test holds them to what
the commands take.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypedDict

from edgesynth.export import Progress, Target


class EvolveOptions(TypedDict, total=False):
    """Options of `edgesynth evolve`, those of `edgesynth.config.Config`."""

    weights: str | Path | None
    data_root: str | Path | None
    image_size: int
    class_weights: Literal["none", "median-frequency"]
    generations: int
    offspring: int
    strategy: Literal["heredity", "generative"]
    search: Literal["inquisitor", "random", "cross-entropy"]
    probes: int
    probe_epochs: int
    encoding: Literal["synapse", "cluster"]
    environment: Literal["faithful", "calibrated"]
    strength: Literal["magnitude", "norm", "lamp", "fisher", "taylor", "random"] | str
    normalizer: Literal["max", "percentile"]
    allocation: Literal["strength", "macs", "params", "budgets"]
    temperature: float
    variation: float
    keep: float
    keep_clusters: float | None
    parents: int
    mating: Literal["intersection", "quorum"]
    quorum: float
    selection: Literal["validation", "pareto"]
    proxy_epochs: int
    survivors: int
    patience: int
    precision: Literal["fp32", "fp16", "int8", "int7", "int6", "int5", "int4", "int3", "int2"]
    layer_precision: str | None
    precision_at: Literal["start", "end"]
    min_accuracy: float | None
    max_loss: float | None
    max_synapses: int | None
    max_clusters: int | None
    max_macs: int | None
    max_params: int | None
    max_bytes: int | None
    board: str | None
    board_precision: Literal["auto", "fp32", "fp16", "int8"]
    measure_on: str | None
    measure_duration_s: float
    max_latency_ms: float | None
    min_images_per_joule: float | None
    opset: int
    ancestor_epochs: int
    epochs: int
    final_epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    distillation: float
    distillation_temperature: float
    ema: float
    inheritance: Literal["heritable", "rewound", "newborn"]
    final_inheritance: Literal["heritable", "rewound", "newborn"] | None
    reestimate: bool
    stress: Literal["none", "synapses", "clusters", "both", "decay"]
    stress_factor: float
    stress_tail: float
    device: Literal["auto", "cpu", "cuda"]
    autocast: Literal["auto", "none", "bf16"]
    threads: int | None
    seed: int


class BundleOptions(TypedDict, total=False):
    """Options of `edgesynth export`, those of `edgesynth.export.export_individual`."""

    int8: bool
    samples: int
    max_int8_loss: float
    progress: Progress | None
    opset: int | None
    batch: int | None
    license: str
    nms_in_graph: bool
    tensorrt: str | None
    int8_cpu_target: Target
    data_root: Path | None


class MeasureOptions(TypedDict, total=False):
    """Options of `edgesynth benchmark`, those of `edgesynth.benchmark.remote.Options`."""

    engine: str | None
    precisions: tuple[str, ...] | None
    batches: tuple[int, ...] | None
    duration_s: float
    warm_up_s: float
    idle_s: float | None
    threads: int
    scenario: str
    wait: str | None
    calibrate: str | None
    docker: bool
    python: str
