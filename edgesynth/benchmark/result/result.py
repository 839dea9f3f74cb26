"""The result file: JSON with a schema version, written whole or not at all.

Schema 3: `schema`, `kind` ("benchmark"), `individual`, `bundle` (its last name), `created_utc`, `metric` (its name;
older results, which lack it, have accuracy), `machine`, `engine`, `settings`, `power` (the meter, its rails, its
sensor's pace, the idle window before the run), `warm_up` (until power was steady, round by round), `conditions`
(clocks, temperature, other processes, and what of it could not be seen), `interrupted` (by Ctrl-C: what is there is
whole), `left_out` (what did not fit the memory and has its smaller batch among the others), and `measurements`, one for
each precision and batch:

    precision, batch, file, dialect, bytes        what was run
    asked_batch                                   where `batch` is smaller, for want of memory; else null
    scenario                                      what answers the scenario's question; null for a plain run
    valid                                         false with a flag that says that something else was measured
    latency_ms                                    p50, p90, p99, mean, min, std in ms; cov = std / mean; count
    samples_ms                                    every latency, in the order of time
    throughput_images_per_s                       images over the wall time of the timed windows
    accuracy_percent, accuracy_reason             the metric on the bundle's labeled samples; null: the reason says why
    max_abs_error, scored_samples                 distance from the outputs that the bundle expects
    energy                                        of the total rails: per_image_mj, images_per_joule with its 95 %
                                                  interval, mean_power_mw; null: see its reason; beside them the GPU's
                                                  rail, what is above idle, the sensor's own error, which is in no
                                                  interval, and the windows with their raw samples
    busy_cores                                    cores that the process kept busy, waiting in a loop included
    built                                         requested and effective precision, source, plan and the power mode and
                                                  GPU clock that it was built in (TensorRT); else null
    rebuilds                                      how much builds of one model differ; null: not asked for
    compute_ms                                    as latency_ms, without copies and by the GPU's clock; else null
    phases_ms                                     likewise copy_in, compute, copy_out (with pinned memory), and enqueue
                                                  by the CPU's clock; null where the engine has no such clock
    profile                                       with --profile the time of each layer, see `profile.joined`; else null
    speedup_vs_fp32                               fp32's p50 over this one's, same batch, same run; null without fp32
    flags                                         figures that would mislead, by name

The last field, `sha256`, is the sum of all others (`boards.json_file`); a result of an older edgesynth has none.

Schema 2 had no `conditions`, `interrupted`, `left_out`, `asked_batch`, `scenario` and `valid`; it is still read.
Schema 1 had neither `power` nor an interval, GPU rail, idle power and windows in `energy`; it is still read.
"""

import json
import os
import tempfile
from typing import Any, Dict

from edgesynth.errors import UserError
from edgesynth.files.json_file import read_json, sealed, unsealed
from edgesynth.metrics import FIRST

SCHEMA = 3
MOST_BYTES = 1 << 30  # ten minutes of a network that takes 13 us
KIND = "benchmark"
_TOP = ("individual", "bundle", "created_utc", "machine", "engine", "settings", "measurements")
_EACH = ("precision", "batch", "file", "latency_ms", "throughput_images_per_s", "energy", "flags", "samples_ms")


def default_path(target_path: str) -> str:
    """The default path of a result.

    Args:
        target_path: a bundle's folder or an ONNX file.

    Returns:
        `BUNDLE/result.json`, or `FILE.result.json` beside the file.
    """
    if os.path.isdir(target_path):
        return os.path.join(target_path, "result.json")
    return target_path + ".result.json"


def metric_of(result: Dict[str, Any]) -> str:
    """Name of the metric that `accuracy_percent` is: the key is that of schema 1, which knew no other.

    Args:
        result: as `read_result` gives it.
    """
    return result.get("metric") or FIRST


def check_destination(path: str) -> None:
    """Check, before the measurement, that the result can be written.

    Args:
        path: of the file to be.

    Raises:
        UserError: it is a folder, or its folder does not exist or may not be written.
    """
    folder = os.path.dirname(os.path.abspath(path))
    if os.path.isdir(path):
        raise UserError("{} is a folder; give the result a file name, e.g. {}".format(path, _inside(path)))
    if not os.path.isdir(folder):
        raise UserError("{} cannot be written: the folder {} does not exist; make it first".format(path, folder))
    if not os.access(folder, os.W_OK):
        raise UserError("{} cannot be written: no permission in {}; choose another place with -o".format(path, folder))


def write_result(path: str, result: Dict[str, Any]) -> None:
    """Write a result; a reader sees the old file or the new one, never a part.

    Args:
        path: of the file.
        result: from `run.measure`.

    Raises:
        UserError: see `check_destination`.
    """
    check_destination(path)
    text = json.dumps(sealed(result), indent=1, allow_nan=False) + "\n"
    handle, temporary = tempfile.mkstemp(prefix=".result-", suffix=".tmp", dir=os.path.dirname(os.path.abspath(path)))
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def read_result(path: str) -> Dict[str, Any]:
    """Read a result and check that it is one.

    Args:
        path: of the file.

    Returns:
        The result, with every field that schema 1 promises; `power` from schema 2 on.

    Raises:
        UserError: the file does not exist, is not a benchmark's result, or is of a newer schema.
    """
    missing = "{} is not a file; give a result that `edgesynth benchmark` wrote".format(path)
    return check_result(read_json(path, missing, "measure again", MOST_BYTES), path)


def check_result(result: Any, path: str) -> Dict[str, Any]:
    """Check that something is a benchmark's result.

    Args:
        result: as read from JSON.
        path: where it is from, for the refusal.

    Returns:
        The result.

    Raises:
        UserError: it is none, or of a newer schema.
    """
    if not isinstance(result, dict) or result.get("kind") != KIND or not isinstance(result.get("schema"), int):
        raise UserError("{} is not a result of `edgesynth benchmark`; measure again".format(path))
    if result["schema"] > SCHEMA:
        raise UserError(
            "{} has schema {} and this edgesynth reads up to {}; install a newer edgesynth".format(
                path, result["schema"], SCHEMA
            )
        )
    result = unsealed(result, path, "measure again")
    each = result.get("measurements")
    missing = [key for key in _TOP if key not in result]
    if not missing and not (isinstance(each, list) and all(isinstance(measurement, dict) for measurement in each)):
        missing = ["measurements"]
    if not missing:
        missing = [key for key in _EACH for measurement in result["measurements"] if key not in measurement]
    if missing:
        raise UserError("{} lacks {}; measure again".format(path, ", ".join(sorted(set(missing)))))
    return result


def _inside(folder: str) -> str:
    return os.path.join(folder, "result.json")


def _umask() -> int:
    # There is no call that only reads it.
    mask = os.umask(0)
    os.umask(mask)
    return mask
