"""This machine's side: checks the options, sends the missing files, and receives the result."""

import json
import logging
import os
from typing import Any, Callable, Dict, List

from edgesynth.benchmark.bundle.bundle import MANIFEST, Target, open_target, sha256_of
from edgesynth.benchmark.engines.imported import is_imported
from edgesynth.benchmark.interruption import Deferred
from edgesynth.benchmark.measure.options import Options
from edgesynth.benchmark.measure.run import InterruptedRunError
from edgesynth.benchmark.remote.address import Address
from edgesynth.benchmark.remote.connection import Connection
from edgesynth.benchmark.result.result import check_result
from edgesynth.benchmark.service.serving import LENGTH_DIGITS
from edgesynth.benchmark.service.store import Sent
from edgesynth.errors import UserError
from edgesynth.files.onnx_external import external_files

LOG = logging.getLogger(__name__)

# Beats come six times as often: a board that misses one of them is not yet alone.
SILENCE_S = 30.0
_PIECE_BYTES = 1 << 20


def measure_by_ssh(address: Address, bundle: str, options: Options, announce: Callable[[str], Any]) -> Dict[str, Any]:
    """Measure a bundle or a bare ONNX file on another machine; see `measure_on`."""
    options.settings()
    if options.engine is not None and is_imported(options.engine):
        raise UserError(
            "--engine {} is a class of this machine and --on is {}, where only edgesynth is sent; install both there "
            "and measure there, or leave --on out".format(options.engine, address.host)
        )
    if options.wattmeter is not None:
        raise UserError(
            "--wattmeter {} was given and --on is {}, whose clock is another; run edgesynth benchmark there, where "
            "the log is written too, or leave one of them out".format(options.wattmeter, address.host)
        )
    target = open_target(bundle)
    options.settings(target.batch)
    files = _files(target)
    paths = {file.sha256: os.path.join(_root(target), file.name) for file in files}
    announce("connecting: {}".format(address.host))
    with Connection(address, options.python) as connection, Deferred(connection.stop, connection.abandon) as ctrl_c:
        for frame in connection.frames():
            if "ready" in frame:
                order = json.dumps(_order(target, files, options)).encode("ascii")
                connection.send(str(len(order)).zfill(LENGTH_DIGITS).encode("ascii") + order)
            elif "lacking" in frame:
                LOG.info("%s lacks %d of %d files", address.host, len(frame["lacking"]), len(files))
                _send(connection, [paths[sha256] for sha256 in frame["lacking"] if sha256 in paths], announce)
                connection.beating = True
            elif "line" in frame:
                announce(frame["line"])
            elif "old" in frame:
                raise UserError(
                    "on {}: {} is Python {}, and 3.6 is the oldest that will do; name another with "
                    "--remote-python".format(address.host, options.python, frame["old"])
                )
            elif "error" in frame:
                raise UserError("on {}: {}".format(address.host, frame["error"]))
            elif "result" in frame:
                result = dict(check_result(frame["result"], "what came from " + address.host), bundle=target.name)
                if ctrl_c.noted:
                    raise InterruptedRunError(result)
                return result
            elif "stopped" in frame:
                raise KeyboardInterrupt  # before anything was timed
        raise connection.why_not()


def _order(target: Target, files: List[Sent], options: Options) -> Dict[str, Any]:
    there = options._asdict()
    del there["docker"], there["python"]
    return {
        "name": target.name if target.is_bundle else "file",
        "file": None if target.is_bundle else target.name,
        "files": files,
        "options": there,
        "docker": options.docker,
        "image": os.environ.get("EDGESYNTH_IMAGE"),
        "silence_s": SILENCE_S,
        "shown": target.path if target.is_bundle else _root(target),
    }


def _root(target: Target) -> str:
    """The folder that the files' names are relative to."""
    return target.path if target.is_bundle else os.path.dirname(target.path) or "."


def _files(target: Target) -> List[Sent]:
    """Everything that is measured: what the manifest lists, or the file and those that hold its weights."""
    root = _root(target)
    if target.is_bundle:
        paths = [os.path.join(root, name) for name in [MANIFEST] + sorted(target.manifest["files"])]
    else:
        paths = [target.path] + external_files(target.path)
    return [
        Sent(os.path.relpath(path, root).replace(os.sep, "/"), sha256_of(path), os.path.getsize(path)) for path in paths
    ]


def _send(connection: Connection, paths: List[str], announce: Callable[[str], Any]) -> None:
    if not paths:
        return
    megabytes = sum(map(os.path.getsize, paths)) / 1e6
    announce("sending: {} ({:.1f} MB)".format(", ".join(map(os.path.basename, paths)), megabytes))
    for path in paths:
        with open(path, "rb") as file:
            for piece in iter(lambda: file.read(_PIECE_BYTES), b""):
                connection.send(piece)
