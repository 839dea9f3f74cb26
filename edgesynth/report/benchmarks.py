"""Results of `edgesynth benchmark` for a run's bundles; a damaged one is named, and the others are still read."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgesynth.benchmark.result.result import metric_of, read_result
from edgesynth.errors import UserError
from edgesynth.report.formats import decimal, milliseconds


@dataclass(frozen=True)
class Measurement:
    """One precision at one batch.

    Attributes:
        precision: its name, such as `fp32`.
        batch: images per inference.
        file: the model's file in the bundle.
        size_bytes: of that file; None where it is not given.
        p50_ms, p90_ms, p99_ms, mean_ms, min_ms: latency of one inference (ms).
        cov_percent: standard deviation over mean (percent).
        count: number of latencies.
        throughput_images_per_s: images per second.
        accuracy_percent: metric on the bundle's labeled samples (percent); None where it was not measured.
        speedup_x: fp32's median latency over its own; None without an fp32 beside it.
        energy: energy per image and its meter, or why it was not measured.
        flags: what must be known before believing it.
        samples_ms: raw latencies (ms).
    """

    precision: str
    batch: int
    file: str
    size_bytes: int | None
    p50_ms: float
    p90_ms: float
    p99_ms: float
    mean_ms: float
    min_ms: float
    cov_percent: float
    count: int
    throughput_images_per_s: float
    accuracy_percent: float | None
    speedup_x: float | None
    energy: str
    flags: tuple[str, ...]
    samples_ms: tuple[float, ...]


@dataclass(frozen=True)
class BenchmarkedBundle:
    """One result file.

    Attributes:
        bundle: name of its folder.
        individual: what was measured.
        machine: where, as (fact, value).
        engine: by what, as (fact, value).
        metric: name of what `accuracy_percent` is.
        measurements: in the order of the file.
    """

    bundle: str
    individual: str
    machine: tuple[tuple[str, str], ...]
    engine: tuple[tuple[str, str], ...]
    metric: str
    measurements: tuple[Measurement, ...]

    @property
    def first_batch(self) -> tuple[Measurement, ...]:
        """One measurement for each precision, at the batch that was given first."""
        return tuple(
            measurement for measurement in self.measurements if measurement.batch == self.measurements[0].batch
        )


@dataclass(frozen=True)
class Benchmarks:
    """All bundles of a run.

    Attributes:
        measured: those with a readable result.
        damaged: (file below the run, why it cannot be read).
        waiting: names of the folders without a result.
    """

    measured: tuple[BenchmarkedBundle, ...]
    damaged: tuple[tuple[str, str], ...]
    waiting: tuple[str, ...]


def read_benchmarks(run_path: Path) -> Benchmarks:
    """Read every `bundles/*/result.json` of a run directory; a damaged one does not raise."""
    measured, damaged, waiting = [], [], []
    # Hidden ones are being written, or were when a process was killed.
    folders = (path for path in (run_path / "bundles").glob("*") if path.is_dir() and not path.name.startswith("."))
    for folder in sorted(folders):
        file = folder / "result.json"
        if not file.exists():
            waiting.append(folder.name)
            continue
        try:
            measured.append(_bundle(folder.name, read_result(str(file))))
        except UserError as error:
            damaged.append((file.relative_to(run_path).as_posix(), str(error).removeprefix(str(file)).strip()))
        except (OSError, TypeError, ValueError, KeyError, AttributeError, OverflowError) as error:
            why = f"holds something else than its schema promises ({type(error).__name__}: {error}); measure again"
            damaged.append((file.relative_to(run_path).as_posix(), why))
    return Benchmarks(tuple(measured), tuple(damaged), tuple(waiting))


def latencies_ms(benchmarks: Benchmarks, ancestor: str, individual: str) -> tuple[float, float] | None:
    """Median latencies (ms) of two individuals, where both were measured alike: fp32, machine, engine and batch.

    Returns:
        The ancestor's and the individual's; None where no pair of results can be compared.
    """
    fp32_ms = {
        (bundle.machine, bundle.engine, measurement.batch, bundle.individual): measurement.p50_ms
        for bundle in benchmarks.measured
        for measurement in bundle.measurements
        if measurement.precision == "fp32"
    }
    for (*alike, name), own_ms in fp32_ms.items():
        first_ms = fp32_ms.get((*alike, ancestor))  # type: ignore[arg-type]
        if name == individual and first_ms is not None:
            return first_ms, own_ms
    return None


def facts(pairs: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """Facts of a machine or an engine as text, without empty ones and without the load, which changes all the time."""
    return tuple((name, str(value)) for name, value in pairs.items() if value not in (None, "") and name != "load_1min")


def _bundle(folder: str, result: dict[str, Any]) -> BenchmarkedBundle:
    return BenchmarkedBundle(
        bundle=folder,
        # A bare file has no individual: its bundle's name stands for it.
        individual=str(result["individual"] or folder).rpartition(":")[2],
        machine=facts(result["machine"]),
        engine=facts(result["engine"]),
        metric=metric_of(result),
        measurements=tuple(_measurement(entry) for entry in result["measurements"]),
    )


def _measurement(entry: dict[str, Any]) -> Measurement:
    latency = entry["latency_ms"]
    return Measurement(
        precision=str(entry["precision"]),
        batch=int(entry["batch"]),
        file=str(entry["file"]),
        size_bytes=None if entry.get("bytes") is None else int(entry["bytes"]),
        p50_ms=_number(latency["p50"]),
        p90_ms=_number(latency["p90"]),
        p99_ms=_number(latency["p99"]),
        mean_ms=_number(latency["mean"]),
        min_ms=_number(latency["min"]),
        cov_percent=100 * _number(latency["cov"]),
        count=int(latency["count"]),
        throughput_images_per_s=_number(entry["throughput_images_per_s"]),
        accuracy_percent=_number_or_none(entry.get("accuracy_percent")),
        speedup_x=_number_or_none(entry.get("speedup_vs_fp32")),
        energy=_energy(entry["energy"]),
        flags=_texts(entry["flags"]),
        samples_ms=tuple(_number(value) for value in entry["samples_ms"]),
    )


def _energy(energy: dict[str, Any]) -> str:
    per_image_mj = _number_or_none(energy.get("per_image_mj"))
    if per_image_mj is None:
        return f"not measured: {energy.get('reason') or 'no reason given'}"
    parts = [f"{milliseconds(per_image_mj)} mJ/image"]
    if energy.get("images_per_joule") is not None:
        parts.append(f"{decimal(_number(energy['images_per_joule']))} images/J")
    if energy.get("images_per_joule_95"):  # a result of schema 1 has none
        low, high = map(_number, energy["images_per_joule_95"])
        parts[-1] += f" ({decimal(low)} to {decimal(high)})"
    scope = ", ".join(str(energy[key]) for key in ("meter", "scope") if energy.get(key))
    return ", ".join(parts) + (f" ({scope})" if scope else "")


def _texts(values: Iterable[Any]) -> tuple[str, ...]:
    if isinstance(values, str):
        raise TypeError("flags is a text and not a list")
    return tuple(str(value) for value in values)


def _number(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{value} is not a finite number")
    return number


def _number_or_none(value: Any) -> float | None:
    return None if value is None else _number(value)
