"""A result of `edgesynth benchmark` compared with a reference.

A ratio says something about the networks only where all else was the same. What was not (machine, power mode, engine
and its version, threads, batch, metric) is found first and named.
"""

import math
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from edgesynth.benchmark.engines.ways import Ways
from edgesynth.benchmark.result.intervals import interval_of_intervals, ratio_interval
from edgesynth.benchmark.result.result import metric_of
from edgesynth.benchmark.result.result_reader import Named
from edgesynth.benchmark.timing.scenarios import Plain
from edgesynth.errors import UserError
from edgesynth.metrics.metric import ROUNDING_POINTS


class Change(NamedTuple):
    """One configuration of a result against the same of the reference; every ratio is above 1 where it is better.

    Attributes:
        precision: of both.
        batches: images per inference: the reference's, the result's.
        p50_ms: median latencies in ms: the reference's, the result's.
        faster_x: the reference's median latency over the result's.
        interval: 95 % interval of `faster_x`; None with fewer than 5 latencies in a run.
        throughput_x: the result's images per second over the reference's.
        energy_x: the reference's energy per image over the result's; None where one has none or their meters differ.
        energy_interval: 95 % interval of `energy_x`; None where a result has none for its images per joule.
        energy_reason: why `energy_x` is None although an energy was measured; else None.
        accuracy_points: the result's metric less the reference's, in percentage points; None where one has none.
        size_x: bytes of the reference's file over those of the result's.
        regressions: what is worse by more than allowed, one line each.
    """

    precision: str
    batches: Tuple[int, int]
    p50_ms: Tuple[float, float]
    faster_x: float
    interval: Optional[Tuple[float, float]]
    throughput_x: float
    energy_x: Optional[float]
    energy_interval: Optional[Tuple[float, float]]
    energy_reason: Optional[str]
    accuracy_points: Optional[float]
    size_x: float
    regressions: List[str]


class Comparison(NamedTuple):
    """A result against the reference.

    Attributes:
        path: the result's file.
        changes: one for each configuration that both have.
        differences: what was not the same in both, one line each; empty unless `anyway`.
        left_out: configurations that only one of them has, one line each.
    """

    path: str
    changes: List[Change]
    differences: List[str]
    left_out: List[str]

    @property
    def regressions(self) -> List[str]:
        """What is worse by more than allowed, over all configurations."""
        return [line for change in self.changes for line in change.regressions]

    def to_json(self) -> Dict[str, Any]:
        """Plain values."""
        return dict(self._asdict(), changes=[dict(change._asdict()) for change in self.changes])


def compare(
    reference: Named, other: Named, tolerance_percent: float, loss_points: float, anyway: bool = False
) -> Comparison:
    """Compare a result with the reference.

    Args:
        reference: what it is compared with.
        other: the result.
        tolerance_percent: by how much the median latency and the energy per image may rise, 0 or more.
        loss_points: percentage points of accuracy that may be lost, 0 or more.
        anyway: compare although something else than the network differs, and name it; a configuration that is missing
            at its batch is then compared with the one of the same precision at another batch.

    Returns:
        The comparison.

    Raises:
        UserError: they were not measured alike or lack each other's configurations (not with `anyway`), or they have no
            precision in common; or a limit is below 0.
    """
    for name, limit in (("--tolerance", tolerance_percent), ("--max-accuracy-loss", loss_points)):
        if not 0 <= limit < math.inf:
            raise UserError("{} is {:g}; it must be 0 or more, e.g. 5".format(name, limit))
    differences = _differences(reference.result, other.result)
    pairs, missing, extra = _pairs(reference.result["measurements"], other.result["measurements"], anyway)
    differences += [
        "{} is at batch {} and at batch {}".format(base["precision"], base["batch"], new["batch"])
        for base, new in pairs
        if base["batch"] != new["batch"]
    ]
    if not anyway and (differences or missing):
        absent = ["it has no {}".format(", ".join(map(_name, missing)))] if missing else []
        raise UserError(
            "{} cannot be compared with {}: {}; measure both alike, or compare with --anyway".format(
                other.path, reference.path, "; ".join(differences + absent)
            )
        )
    if not pairs:
        raise UserError(
            "{} has nothing to compare with {}: no precision is in both ({}; {}); measure with --precision".format(
                other.path,
                reference.path,
                ", ".join(map(_name, missing)) or "nothing",
                ", ".join(map(_name, extra)) or "nothing",
            )
        )
    left_out = ["{} is only in {}".format(_name(measurement), reference.path) for measurement in missing]
    left_out += ["{} is only in {}".format(_name(measurement), other.path) for measurement in extra]
    metrics = [metric_of(named.result) for named in (reference, other)]
    metric = metrics[0] if metrics[0] == metrics[1] else None
    changes = [_change(base, new, metric, tolerance_percent, loss_points) for base, new in pairs]
    return Comparison(other.path, changes, differences, left_out)


def _differences(base: Dict[str, Any], new: Dict[str, Any]) -> List[str]:
    differences = []
    for what, values in (
        ("machine", [_machine(result["machine"]) for result in (base, new)]),
        ("power mode", [result["machine"].get("power_mode") for result in (base, new)]),
        ("clock of the GPU", _if_both([_gpu_clock(result["machine"]) for result in (base, new)])),
        ("engine", [_engine(result["engine"]) for result in (base, new)]),
        ("scenario", [result["settings"].get("scenario", Plain.name) for result in (base, new)]),
        ("wait", [result["engine"].get("wait") for result in (base, new)]),
        ("ways to run", [_ways(result["settings"]) for result in (base, new)]),
        ("threads", [result["engine"].get("threads") for result in (base, new)]),
        ("metric", [metric_of(result) for result in (base, new)]),
    ):
        if values[0] != values[1]:
            differences.append(
                "{} is {} and {}".format(what, *("not known" if value is None else value for value in values))
            )
    return differences


def _machine(machine: Dict[str, Any]) -> str:
    cores = " with {} cores".format(machine["cores"]) if "cores" in machine else ""
    return "{}{}".format(machine.get("board") or machine.get("cpu") or "not known", cores)


def _if_both(values: List[Optional[str]]) -> List[Optional[str]]:
    """Nothing twice where one of them is not known: an older result does not tell it."""
    return [None, None] if None in values else values


def _gpu_clock(machine: Dict[str, Any]) -> Optional[str]:
    """Limits of a Jetson's GPU clock; None on a PC, or in an older result."""
    least, most = machine.get("gpu_min_mhz"), machine.get("gpu_max_mhz")
    if least is None or most is None:
        return None
    return "{:.0f} MHz".format(most) if least >= most else "{:.0f} to {:.0f} MHz".format(least, most)


def _ways(settings: Dict[str, Any]) -> str:
    """Memory, graph and streams; a profile is taken after all else and changes nothing."""
    ways = dict(settings.get("ways") or {}, profile=False)
    return " ".join(Ways(**ways).asked()) or "plain"


def _engine(engine: Dict[str, Any]) -> str:
    return " ".join(str(engine[key]) for key in ("name", "version", "provider") if engine.get(key)) or "not known"


def _name(measurement: Dict[str, Any]) -> str:
    return "{} x{}".format(measurement["precision"], measurement["batch"])


_Measurements = List[Dict[str, Any]]


def _pairs(
    base: _Measurements, new: _Measurements, anyway: bool
) -> Tuple[List[Tuple[Dict[str, Any], Dict[str, Any]]], _Measurements, _Measurements]:
    """Configurations of both, then those of the first alone, then those of the second alone."""
    pairs = []
    missing, extra = [], list(new)
    for measurement in base:
        key = (measurement["precision"], measurement["batch"])
        same = [other for other in extra if (other["precision"], other["batch"]) == key]
        if same:
            pairs.append((measurement, same[0]))
            extra.remove(same[0])
        else:
            missing.append(measurement)
    for measurement in list(missing) if anyway else ():
        same_precision = [other for other in extra if other["precision"] == measurement["precision"]]
        if same_precision:
            nearest = min(same_precision, key=lambda other: abs(other["batch"] - measurement["batch"]))
            pairs.append((measurement, nearest))
            extra.remove(nearest)
            missing.remove(measurement)
    return pairs, missing, extra


def _change(
    base: Dict[str, Any], new: Dict[str, Any], metric: Optional[str], tolerance_percent: float, loss_points: float
) -> Change:
    p50_ms = (base["latency_ms"]["p50"], new["latency_ms"]["p50"])
    energy_x, energy_reason = _energy(base["energy"], new["energy"])
    was_percent, is_percent = base.get("accuracy_percent"), new.get("accuracy_percent")
    points = None
    if metric is not None and was_percent is not None and is_percent is not None:
        points = is_percent - was_percent
    change = Change(
        precision=base["precision"],
        batches=(base["batch"], new["batch"]),
        p50_ms=p50_ms,
        faster_x=p50_ms[0] / p50_ms[1],
        interval=ratio_interval(base["samples_ms"], new["samples_ms"]),
        throughput_x=new["throughput_images_per_s"] / base["throughput_images_per_s"],
        energy_x=energy_x,
        energy_interval=_energy_interval(energy_x, base["energy"], new["energy"]),
        energy_reason=energy_reason,
        accuracy_points=points,
        size_x=base["bytes"] / float(new["bytes"]),
        regressions=[],
    )
    return change._replace(regressions=_regressions(change, metric, tolerance_percent, loss_points))


def _energy(base: Dict[str, Any], new: Dict[str, Any]) -> Tuple[Optional[float], Optional[str]]:
    energies = (base.get("per_image_mj"), new.get("per_image_mj"))
    if energies[0] is None and energies[1] is None:
        return None, None
    for energy, which in zip((base, new), ("the reference", "the other")):
        if energy.get("per_image_mj") is None:
            return None, "{} has none ({})".format(which, energy.get("reason"))
    scopes = [tuple(energy.get(key) for key in ("meter", "scope")) for energy in (base, new)]
    if scopes[0] != scopes[1]:
        return None, "measured by {} and by {}".format(*(scope[0] for scope in scopes))
    return base["per_image_mj"] / new["per_image_mj"], None


def _energy_interval(
    energy_x: Optional[float], base: Dict[str, Any], new: Dict[str, Any]
) -> Optional[Tuple[float, float]]:
    new_bounds, base_bounds = (energy.get("images_per_joule_95") for energy in (new, base))
    if energy_x is None or new_bounds is None or base_bounds is None:
        return None
    return interval_of_intervals(energy_x, new_bounds, base_bounds)


def _regressions(change: Change, metric: Optional[str], tolerance_percent: float, loss_points: float) -> List[str]:
    """One line for each ratio that is worse than allowed; its interval is a note and excuses nothing."""
    name = "{} x{}".format(change.precision, change.batches[1])
    lines = []
    slower_percent = 100 * (1 / change.faster_x - 1)
    if slower_percent > tolerance_percent:
        lines.append(
            "{}: {:.1f} % slower (p50 {:.3f} ms, was {:.3f} ms; {:g} % allowed){}".format(
                name,
                slower_percent,
                change.p50_ms[1],
                change.p50_ms[0],
                tolerance_percent,
                _doubt(change.interval),
            )
        )
    if change.energy_x is not None and 100 * (1 / change.energy_x - 1) > tolerance_percent:
        lines.append(
            "{}: {:.1f} % more energy per image ({:g} % allowed){}".format(
                name, 100 * (1 / change.energy_x - 1), tolerance_percent, _doubt(change.energy_interval)
            )
        )
    if change.accuracy_points is not None and -change.accuracy_points > loss_points + ROUNDING_POINTS:
        lines.append(
            "{}: {:.2f} points of {} lost ({:g} allowed)".format(name, -change.accuracy_points, metric, loss_points)
        )
    return lines


def _doubt(interval: Optional[Tuple[float, float]]) -> str:
    unsure = interval is not None and interval[0] <= 1 <= interval[1]
    return "; within the noise of these runs: measure longer, with --duration-s" if unsure else ""
