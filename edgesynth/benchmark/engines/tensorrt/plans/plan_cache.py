"""Plans and kernel timings kept between runs: a build takes minutes on a board.

A file is one line of JSON, which holds what the content was made of and its sha256, and then the content. What does not
fit what is asked for, or is damaged, is as if it were not there: TensorRT is never given it.

The cache key of a plan is the model, TensorRT, the GPU with its power mode and clocks, precision and batch; that of
kernel timings is TensorRT and the GPU so, and no more: the next model, precision or batch is built faster; that of the
ranges of an entropy calibration is the model, the images and TensorRT.
"""

import hashlib
import json
import os
import tempfile
from typing import Any, Dict, List, NamedTuple, Optional

from edgesynth.benchmark.bundle.bundle import sha256_of
from edgesynth.benchmark.engines.tensorrt.request import Request
from edgesynth.benchmark.engines.tensorrt.runtime.gpu import Gpu
from edgesynth.boards.power_state import PowerState
from edgesynth.files.json_file import parse_json
from edgesynth.files.onnx_external import external_files
from edgesynth.files.user_cache import user_cache

FORMAT = 2
_MOST_HEADER_BYTES = 1 << 20


class Kept(NamedTuple):
    """What was found: its facts, as they were given to `keep`, and the content."""

    facts: Dict[str, Any]
    content: bytes


def folder() -> str:
    """Where the files lie: `edgesynth/tensorrt` in $XDG_CACHE_HOME, or in ~/.cache."""
    return user_cache("tensorrt")


def timings_key(tensorrt: str, gpu: Gpu, power: PowerState) -> Dict[str, Any]:
    """The cache key of kernel timings, which are those of one power mode and its clocks.

    Args:
        tensorrt: its version.
        gpu: the GPU.
        power: power mode and limits of its clock.
    """
    known = {name: value for name, value in power.facts().items() if value is not None}
    return {
        "format": FORMAT,
        "kind": "timings",
        "tensorrt": tensorrt,
        "cuda_driver": gpu.driver,
        "gpu": gpu.name,
        "sm": list(gpu.sm),
        "multiprocessors": gpu.multiprocessors,
        **known,
    }


def plan_key(tensorrt: str, gpu: Gpu, power: PowerState, request: Request) -> Dict[str, Any]:
    """The cache key of a plan; files are known by their content, not by their name.

    Args:
        tensorrt: its version.
        gpu: the GPU.
        power: power mode and limits of its clock.
        request: what is built.
    """
    kept = {"kept_in_fp32": sorted(request.kept)} if request.kept else {}
    return dict(
        timings_key(tensorrt, gpu, power),
        kind="plan",
        model=_sums_of_model(request),
        ranges=None if request.ranges is None else sha256_of(request.ranges),
        samples=None if request.samples is None else sha256_of(request.samples),
        precision=request.precision,
        batch=request.batch,
        **kept,
    )


def calibration_key(tensorrt: str, request: Request) -> Dict[str, Any]:
    """The cache key of an entropy calibration's ranges; neither the GPU nor the batch is part of it.

    Args:
        tensorrt: its version.
        request: what is built, with `samples`.
    """
    assert request.samples is not None
    return {
        "format": FORMAT,
        "kind": "calibration",
        "tensorrt": tensorrt,
        "model": _sums_of_model(request),
        "samples": sha256_of(request.samples),
    }


def find(key: Dict[str, Any]) -> Optional[Kept]:
    """What was kept under a key; None if there is nothing, or it is damaged."""
    try:
        with open(_path(key), "rb") as file:
            header = parse_json(file.readline(_MOST_HEADER_BYTES))
            content = file.read()
        whole = header["key"] == key and header["sha256"] == hashlib.sha256(content).hexdigest()
        return Kept(dict(header["facts"]), content) if whole else None
    except (OSError, ValueError, LookupError, TypeError):
        return None


def keep(key: Dict[str, Any], content: bytes, facts: Dict[str, Any]) -> Optional[str]:
    """Keep content under a key, whole or not at all.

    Args:
        key: from `plan_key` or `timings_key`.
        content: bytes.
        facts: plain values to find again with it.

    Returns:
        Why it could not be kept; None if it was. A full or read-only disk is no reason not to measure.
    """
    header = {"key": key, "sha256": hashlib.sha256(content).hexdigest(), "facts": facts}
    path = _path(key)
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=".plan-", suffix=".tmp", dir=os.path.dirname(path))
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(json.dumps(header, sort_keys=True).encode("utf-8") + b"\n" + content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        return "{} ({})".format(error.strerror or type(error).__name__, os.path.dirname(path))
    return None


def _sums_of_model(request: Request) -> List[str]:
    return [sha256_of(path) for path in [request.path] + external_files(request.path) if os.path.isfile(path)]


def _path(key: Dict[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode("utf-8")).hexdigest()
    return os.path.join(folder(), "{}-{}.trt".format(key["kind"], digest[:32]))
