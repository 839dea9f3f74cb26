"""The other machine's side: receives an order and missing files, runs the worker, ends it if cut off.

The worker is a process group of its own. This process watches the connection meanwhile: its end, or silence where beats
should come, is the end of the worker too.
"""

import ctypes
import json
import os
import pkgutil
import platform
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from typing import Any, Callable, Dict, List, NamedTuple, Tuple

from edgesynth.benchmark.service.bootstrap import cache, cannot_write, receive, say
from edgesynth.benchmark.service.store import Sent, Store, files_of
from edgesynth.children import child_environment, end_of
from edgesynth.errors import UserError
from edgesynth.files.path_within import path_within

LENGTH_DIGITS = 10
# Among the beats: the worker is to end as by Ctrl-C, and to leave what it has measured.
STOP = b"S"
PATIENCE_S = 5.0
_PR_SET_PDEATHSIG = 1


def serve(folder: str, application: str) -> None:
    """Carry out one order.

    Args:
        folder: of this run; whoever made it removes it.
        application: the zip file that this code is in.

    Raises:
        EOFError: the side that asked went away.
    """
    say(ready={"python": platform.python_version()})
    order = json.loads(receive(int(receive(LENGTH_DIGITS))).decode("ascii"))
    try:
        target = path_within(os.path.join(folder, "target"), order["name"], "the order")
        what = path_within(target, order["file"], "the order") if order["file"] else target
        files = files_of(order["files"])
        _forget_dead_runs()
        if not _take_files(files, folder, target):
            say(error="a file did not arrive as it was sent; try again")
            return
        result = os.path.join(folder, "result.json")
        measure = [what, "--order", json.dumps(order["options"]), "-o", result]
        command, environment, container = _command(order, folder, application, measure)
    except UserError as error:
        say(error=str(error))
        return
    except OSError as error:
        cannot_write(error)
        return
    worker = _start(command, environment)
    try:
        watched = _watch(worker, order["silence_s"], lambda text: text.replace(target, order["shown"]))
    except BaseException:
        _end(worker, container)
        raise
    if watched.stopped:
        _end_container(container)
    _report(worker.returncode, bool(container), watched, result)


def _take_files(files: List[Sent], folder: str, target: str) -> bool:
    store = Store(os.path.join(cache(), "files"))
    lacking = store.lacking(files)
    say(lacking=[file.sha256 for file in lacking])
    for file in lacking:
        if not store.add(file, receive, os.path.join(folder, "unfinished")):
            return False
    for file in files:
        store.place(file, target)
    store.trim()
    return True


def _command(
    order: Dict[str, Any], folder: str, application: str, measure: List[str]
) -> Tuple[List[str], Dict[str, str], str]:
    """The worker's command line and environment, and the name of its container or ""."""
    if not order["docker"]:
        return [sys.executable, application, "benchmark"] + measure, child_environment(), ""
    script = os.path.join(folder, "run.sh")
    text = pkgutil.get_data("edgesynth.benchmark.service", "run.sh")
    assert text is not None
    with open(script, "wb") as file:
        file.write(text)
    container = "edgesynth-" + os.path.basename(folder)
    environment = dict(child_environment(), EDGESYNTH_APPLICATION=application, EDGESYNTH_CONTAINER=container)
    if order["image"]:
        environment["EDGESYNTH_IMAGE"] = order["image"]
    return ["bash", script] + measure, environment, container


def _start(command: List[str], environment: Dict[str, str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=_end_with_parent,
    )


def _end_with_parent() -> None:
    """Let Linux end this process when the one that watches it is killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class _Watched(NamedTuple):
    """What was seen of a worker.

    Attributes:
        complaints: what it said on stderr.
        stopped: whether the side that asked had it stopped.
    """

    complaints: List[str]
    stopped: bool


def _watch(worker: "subprocess.Popen[bytes]", silence_s: float, shown: Callable[[str], str]) -> _Watched:
    """Pass the worker's lines on until its end."""
    assert worker.stdout and worker.stderr
    complaints: List[str] = []
    stopped = False
    streams = {
        worker.stdout.fileno(): _Lines(lambda line: say(line=shown(line))),
        worker.stderr.fileno(): _Lines(lambda line: complaints.append(shown(line))),
    }
    heard_s = time.monotonic()
    while streams or worker.poll() is None:
        ready = select.select([0] + list(streams), [], [], 1.0 if streams else 0.1)[0]
        if 0 in ready:
            beats = os.read(0, 1 << 12)
            if not beats:
                raise EOFError
            heard_s = time.monotonic()
            if STOP in beats:
                stopped = True
                _signal(worker, signal.SIGINT)
        if time.monotonic() - heard_s > silence_s:
            say(error="nothing was heard for {:g} s, so the measurement was ended; try again".format(silence_s))
            raise EOFError
        for stream in [stream for stream in ready if stream in streams]:
            if not streams[stream].feed(os.read(stream, 1 << 16)):
                del streams[stream]
    return _Watched(complaints, stopped)


class _Lines:
    """Parts of a stream, made into lines."""

    def __init__(self, take: Callable[[str], Any]) -> None:
        self._take = take
        self._rest = b""

    def feed(self, part: bytes) -> bool:
        """Take a part; whether more can come."""
        lines = (self._rest + part).split(b"\n")
        self._rest = lines.pop() if part else b""
        for line in lines:
            text = line.decode("utf-8", "replace").rstrip()
            if text:
                self._take(text)
        return bool(part)


def _end(worker: "subprocess.Popen[bytes]", container: str) -> None:
    """End the worker and all that it started: first as Ctrl-C would, then for good."""
    _signal(worker, signal.SIGINT)
    try:
        worker.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        pass
    _end_container(container)
    _signal(worker, signal.SIGKILL)
    worker.wait()


def _end_container(container: str) -> None:
    """Kill the container: it would outlive docker's client."""
    if container and shutil.which("docker"):
        subprocess.call(["docker", "kill", container], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _signal(worker: "subprocess.Popen[bytes]", number: int) -> None:
    try:
        os.killpg(worker.pid, number)
    except ProcessLookupError:
        pass


def _report(code: int, in_container: bool, watched: _Watched, result: str) -> None:
    complaints = watched.complaints
    last = complaints.pop() if code and complaints else ""
    for line in complaints:
        say(line=line)
    if code == 2:
        say(error=re.sub(r"^(run\.sh|edgesynth): ", "", last))
    elif watched.stopped and not os.path.isfile(result):
        say(stopped=True)
    elif code and not watched.stopped:
        # docker, and the shell around it, give 128 and the number of a signal.
        said = "its last words: " + last if last else "it said nothing"
        say(error="the measurement ended with {}; {}".format(end_of(code, in_container), said))
    elif not os.path.isfile(result):
        say(error="the measurement ended without a result; what it said is above")
    else:
        with open(result, encoding="utf-8") as file:
            say(result=json.load(file))


def _forget_dead_runs() -> None:
    """Remove the folders of runs that could not clean up: the power went, or they were killed."""
    for entry in os.scandir(cache()):
        match = re.match(r"run-(\d+)-", entry.name)
        if match and not _lives(int(match.group(1))):
            shutil.rmtree(entry.path, ignore_errors=True)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
