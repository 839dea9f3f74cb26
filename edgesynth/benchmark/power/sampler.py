"""A process of its own that reads a sensor all the time, so that reading does not wait for the measured work.

It speaks lines of JSON: the source comes in, and the answer is that it can be read, or why not; then each empty line is
answered by all samples since the last one (`sampling` says when they are taken). Where its input ends it ends too: it
never outlives who wanted it.
"""

import importlib
import json
import os
import select
import subprocess
import sys
import time
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

import edgesynth
from edgesynth.benchmark.power.meter import Sample, UnreadableError
from edgesynth.benchmark.power.sampling import Sampling
from edgesynth.children import child_environment, end_of

ANSWER_S = 10.0
# The package may lie in a zip file: its root is given, not searched.
_CODE = (
    "import sys; sys.path[0] = sys.argv[1]; "
    "from edgesynth.benchmark.power.sampler import serve; serve(sys.stdin, sys.stdout)"
)


class Batch(NamedTuple):
    """Samples since the last batch.

    Attributes:
        samples: (monotonic time in s, then one value for each rail), in the order of time.
        misses: attempts that failed.
        last_miss: what the last of them said.
    """

    samples: Tuple[Sample, ...]
    misses: int
    last_miss: Optional[str]


class Sampler:
    """The running sampler, seen from the process that measures.

    Args:
        module: module whose `open_reader(**source)` gives a function that reads all rails once.
        source: its arguments, as JSON can hold them.
        poll_s: from one sample to the next, on average.
        core: the core that it stays on; None for any.

    Raises:
        UnreadableError: it does not start, or the first reading fails.
    """

    def __init__(self, module: str, source: Dict[str, Any], poll_s: float, core: Optional[int]) -> None:
        root = os.path.dirname(os.path.dirname(os.path.abspath(edgesynth.__file__)))
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _CODE, root],
                env=child_environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,  # Ctrl-C is for the measuring process, which then closes this one
            )
        except OSError as error:
            raise UnreadableError("the power sampler cannot be started ({})".format(error))
        try:
            first = self._ask({"module": module, "source": source, "poll_s": poll_s, "core": core})
        except UnreadableError:
            self.close()
            raise
        if "error" in first:
            self.close()
            raise UnreadableError(first["error"])

    def collect(self) -> Batch:
        """All samples since the last call.

        Raises:
            UnreadableError: the sampler has ended or does not answer.
        """
        answer = self._ask(None)
        return Batch(tuple(tuple(sample) for sample in answer["samples"]), answer["misses"], answer["last_miss"])

    def close(self) -> None:
        """End it."""
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            try:
                if stream:
                    stream.close()
            except OSError:  # it is gone already, with what was still to be sent
                pass
        try:
            self.process.wait(1.0)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _ask(self, question: Optional[Dict[str, Any]]) -> Dict[str, Any]:
        assert self.process.stdin and self.process.stdout
        try:
            self.process.stdin.write((json.dumps(question) if question else "").encode() + b"\n")
            self.process.stdin.flush()
        except (OSError, ValueError):  # a broken pipe, or one that is closed
            raise UnreadableError(self._end())
        if not select.select([self.process.stdout], [], [], ANSWER_S)[0]:
            raise UnreadableError("the power sampler did not answer for {:g} s".format(ANSWER_S))
        line = self.process.stdout.readline()
        if not line.endswith(b"\n"):
            raise UnreadableError(self._end())
        answer: Dict[str, Any] = json.loads(line.decode())
        return answer

    def _end(self) -> str:
        try:
            how = end_of(self.process.wait(1.0))
        except subprocess.TimeoutExpired:
            how = "no exit code yet"
        stream = self.process.stderr
        said = stream.read().decode("utf-8", "replace").split("\n") if stream and not stream.closed else []
        words = [line.strip() for line in said if line.strip()]
        return "the power sampler ended by itself ({}{})".format(how, "; " + words[-1] if words else "")


def spare_core(busy_cores: int) -> Optional[int]:
    """The last core that this process may use, if the work leaves one free; None without one."""
    if not hasattr(os, "sched_getaffinity"):
        return None
    cores = sorted(os.sched_getaffinity(0))
    return cores[-1] if len(cores) > busy_cores else None


def serve(questions: Any, answers: Any) -> None:
    """The sampler's own side: what runs in its process.

    Args:
        questions: stream of lines, see the module.
        answers: stream of lines.
    """
    order = json.loads(questions.readline())
    if order["core"] is not None:
        try:
            os.sched_setaffinity(0, {order["core"]})
        except OSError:  # taken from us in the meantime: any core will do
            pass
    try:
        read: Callable[[], List[float]] = importlib.import_module(order["module"]).open_reader(**order["source"])
        sampling = Sampling(read, order["poll_s"])
    except (OSError, ValueError, UnreadableError) as error:
        _say(answers, {"error": str(error)})
        return
    _say(answers, {})
    while True:
        asked = select.select([questions], [], [], max(0.0, sampling.due_s - time.monotonic()))[0]
        if asked and not questions.readline():
            return
        if asked:
            _say(answers, sampling.hand_over())
        else:
            sampling.take()


def _say(answers: Any, what: Dict[str, Any]) -> None:
    answers.write(json.dumps(what) + "\n")
    answers.flush()
