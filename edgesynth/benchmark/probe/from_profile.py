"""A profile in place of a probe: the layers of a whole engine, joined with a model, told and kept as a probe's table.

The table has one width of each layer, its own. `plan --probe` then puts what was measured in the cost model's place.
"""

from typing import Any, Dict, List, NamedTuple, Optional, Sequence

from edgesynth.benchmark.bundle.bundle import Target
from edgesynth.benchmark.probe.model_layers import ModelLayer, read_layers
from edgesynth.benchmark.profile.profile import joined
from edgesynth.benchmark.profile.summary import profile_lines
from edgesynth.benchmark.profile.trtexec import is_trtexec, read_exported
from edgesynth.benchmark.result.result import check_destination, check_result, write_result
from edgesynth.benchmark.timing.timing import spread
from edgesynth.boards.probed import ProbeTable
from edgesynth.boards.probed.staircase import Step
from edgesynth.boards.probed.table import KIND, SCHEMA
from edgesynth.errors import UserError
from edgesynth.files.json_file import read_json

_WORDS = {
    "copy_in": "copy in",
    "compute": "compute",
    "copy_out": "copy out",
    "enqueue": "enqueue (CPU)",
    "latency": "latency",
}


class Told(NamedTuple):
    """What came of a file.

    Attributes:
        path: the file.
        profile: see `profile.joined`; None of times alone.
        phases_ms: spread of each part of an inference, by name.
        measurement: the result's entry; None of trtexec.
        result: the whole result; None of trtexec.
    """

    path: str
    profile: Optional[Dict[str, Any]]
    phases_ms: Dict[str, Dict[str, float]]
    measurement: Optional[Dict[str, Any]] = None
    result: Optional[Dict[str, Any]] = None

    @property
    def title(self) -> str:
        """What was run, in words."""
        if self.measurement is None:
            return "{} by trtexec".format(self.path)
        return "{} x{} of {}".format(self.measurement["precision"], self.measurement["batch"], self.path)

    def to_json(self) -> Dict[str, Any]:
        """As plain values."""
        return {"file": self.path, "profile": self.profile, "phases_ms": self.phases_ms or None}


def tell(target: Target, path: str, precision: Optional[str] = None) -> Told:
    """Read a file and join it with a model.

    Args:
        target: the model that the engine was built from.
        path: a result of `benchmark --profile`, or what trtexec exported.
        precision: of the result's configurations; None for the only one with a profile.

    Raises:
        UserError: it is neither, or names no node of the model, or has no profile or several.
    """
    missing = "{} is not a file; give a result of `edgesynth benchmark --profile`, or JSON of trtexec".format(path)
    document = read_json(path, missing, "measure again")
    if not is_trtexec(document):
        return _of_result(check_result(document, path), path, precision)
    exported = read_exported(document, path)
    phases_ms = {name: spread(spans_ms) for name, spans_ms in exported.phases_ms.items()}
    if not exported.layers_ms:
        return Told(path, None, phases_ms)
    times_ms = {name: [ms] for name, ms in exported.layers_ms.items()}
    profile = joined(times_ms, _plain(target), target.groups)
    if not any(layer["nodes"] for layer in profile["layers"]):
        raise UserError(
            "{} names no node of {}; give the file that trtexec built its engine from".format(path, _plain(target))
        )
    return Told(path, dict(profile, runs=exported.runs), phases_ms)


def lines_of(told: Told) -> List[str]:
    """A profile and the parts of an inference as text."""
    lines = profile_lines(told.title, told.profile) if told.profile else []
    for name, span in told.phases_ms.items():
        lines.append(
            "{}: {} {:.3f} ms (p50), {:.3f} ms (p99), {} runs".format(
                told.path, _WORDS.get(name, name), span["p50"], span["p99"], span["count"]
            )
        )
    return lines


def write_table(output: str, target: Target, files: Sequence[Told]) -> ProbeTable:
    """Write the layers of one profile as a table of a probe.

    Args:
        output: of the file to be.
        target: the model.
        files: with one profile among them, of a result.

    Raises:
        UserError: there is no such profile, or several; or no layer of it can be told alone.
    """
    check_destination(output)
    profiled = [told for told in files if told.profile is not None]
    if len(profiled) != 1 or profiled[0].result is None:
        raise UserError(
            "-o needs one profile of `edgesynth benchmark --profile`: the files of trtexec say neither board, power "
            "mode, precision nor batch; leave -o out to see them"
        )
    table = _table(target, profiled[0])
    write_result(output, table.to_json())
    return table


def _of_result(result: Dict[str, Any], path: str, precision: Optional[str]) -> Told:
    profiled = [measurement for measurement in result["measurements"] if measurement.get("profile")]
    fitting = [measurement for measurement in profiled if precision in (None, measurement["precision"])]
    if len(fitting) != 1:
        names = ", ".join("{} x{}".format(entry["precision"], entry["batch"]) for entry in profiled)
        raise UserError(
            "{} has {} profiles{}; measure one precision at one batch: edgesynth benchmark --profile --precision "
            "fp16{}".format(
                path,
                len(fitting),
                " ({})".format(names) if names else "",
                ", or name it with --precision" if len(profiled) > 1 else "",
            )
        )
    (measurement,) = fitting
    return Told(path, measurement["profile"], measurement.get("phases_ms") or {}, measurement, result)


def _plain(target: Target) -> str:
    if "fp32" not in target.models:
        raise UserError("{} has no plain model, whose layers are looked for; give a bundle".format(target.path))
    return target.models["fp32"].path


def _table(target: Target, told: Told) -> ProbeTable:
    assert told.profile is not None and told.measurement is not None and told.result is not None
    known = {layer.name: layer for layer in read_layers(_plain(target)).layers}
    times: Dict[ModelLayer, List[Dict[str, Any]]] = {}
    for entry in told.profile["layers"]:
        alone = [known[node] for node in entry["nodes"] if node in known]
        if len(alone) == 1:
            times.setdefault(alone[0]._replace(name="", output=""), []).append(entry)
    if not times:
        raise UserError(
            "no layer of {} is a convolution or linear layer of {} alone; give the model that was measured".format(
                told.path, target.path
            )
        )
    machine = told.result["machine"]
    rest_ms = told.measurement["latency_ms"]["p50"] - told.profile["total_ms"]
    table = ProbeTable(
        {
            "schema": SCHEMA,
            "kind": KIND,
            "created_utc": told.result["created_utc"],
            "machine": machine,
            "board": told.profile.get("board"),
            "engine": told.result["engine"],
            "precision": told.measurement["precision"],
            "batch": told.measurement["batch"],
            "power_mode": machine.get("power_mode"),
            "settings": told.result["settings"],
            "models": [target.name],
            "call_ms": round(max(rest_ms, 0.0), 6),
            "flags": told.measurement["flags"] + ["from a profile: one width of each layer, timed within its engine"],
        }
    )
    for layer, entries in times.items():
        spans_ms = [entry["ms"] for entry in entries]
        wander_ms = max(entry["spread_ms"] for entry in entries) + (max(spans_ms) - min(spans_ms)) / 2
        table.staircase(layer.shape).add(
            Step(layer.width, round(sum(spans_ms) / len(spans_ms), 6), round(wander_ms, 6))
        )
    return table
