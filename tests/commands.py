"""The command `edgesynth` in processes of their own that need not import torch again.

A server imports the libraries once and forks for each call. The child has its own working directory, environment,
streams and exit code, as a started command has, and spares the imports, which were most of what a call cost. What
children share is what a fork shares: the libraries and the seed of hashes. So a test about imports, signals, Python's
own variables or the same bits in another process starts the console script (the fixture `console_script`).
"""

import atexit
import contextlib
import gc
import importlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
import traceback
from pathlib import Path

import numpy

from edgesynth.cli import main

EDGESYNTH = Path(sys.executable).with_name("edgesynth")
TIMEOUT_S = 600
# What commands import when they first need it, but for ONNX Runtime: it starts a thread, which a child lacks and
# would wait for at its end.
LIBRARIES = [
    "edgesynth.api",
    "edgesynth.benchmark.quick",
    "edgesynth.cli.progress",
    "edgesynth.evolution",
    "edgesynth.report.page",
    "edgesynth.tasks.survey.survey",
    "matplotlib.backends.backend_svg",
    "onnxslim",
    "rich.status",
    "sklearn.datasets",
    "torch._dynamo",
    "torch._export.non_strict_utils",
    "torch._export.serde.serialize",
    "torch._functorch.aot_autograd",
    "torch.export._trace",
    "torch.onnx.utils",
    "torch.onnx._internal.torchscript_exporter.symbolic_opset18",
]
COMMANDS = ["anatomy", "benchmark", "data", "evolve", "export", "plan", "replay", "report", "verify"]


def start_script(*arguments, cwd, env=None):
    """Start the console script as a shell does.

    Returns: subprocess.CompletedProcess with its exit code, standard output and standard error.
    """
    command = [str(EDGESYNTH), *map(str, arguments)]
    surroundings = {**os.environ, **(env or {})}
    return subprocess.run(command, cwd=cwd, env=surroundings, capture_output=True, text=True, timeout=TIMEOUT_S)


class CommandServer:
    """Call it as `start_script`; `close` it in the end."""

    def __init__(self, folder):
        self.folder, self.process = folder, None

    def __call__(self, *arguments, cwd, env=None):
        python = [name for name in env or {} if name.startswith("PYTHON")]
        assert not python, f"{python}: Python reads this when it starts, so use console_script"
        arguments = list(map(str, arguments))
        streams = [str(self.folder / name) for name in ("stdout", "stderr")]
        self._send({"arguments": arguments, "cwd": str(cwd), "env": {**os.environ, **(env or {})}, "streams": streams})
        code = self._receive(arguments)
        return subprocess.CompletedProcess(arguments, code, *(Path(path).read_text() for path in streams))

    def _send(self, call):
        if self.process is None:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.commands"],
                cwd=Path(__file__).parents[1],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
        self.process.stdin.write(json.dumps(call) + "\n")
        self.process.stdin.flush()

    def _receive(self, arguments):
        ready, _, _ = select.select([self.process.stdout], [], [], TIMEOUT_S)
        answer = self.process.stdout.readline() if ready else ""
        if not answer:
            self.close()
            raise TimeoutError(f"edgesynth {' '.join(arguments)} did not end within {TIMEOUT_S} s, or its server died")
        return int(answer)

    def close(self):
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.communicate()
            self.process = None


def serve():
    """Answer each call on standard input with the exit code of the child that ran it."""
    gc.freeze()  # or each child would copy the pages of all libraries when it counts its garbage
    for line in sys.stdin:
        child = os.fork()
        if not child:
            leave(run(**json.loads(line)))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def run(arguments, cwd, env, streams):
    """Be the console script with these arguments, in this place: its exit code."""
    for number, path in enumerate((os.devnull, *streams)):
        os.dup2(os.open(path, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = [str(EDGESYNTH), *arguments]
    sys.path[0] = str(EDGESYNTH.parent)
    numpy.random.seed()  # a new process has a seed of its own
    try:
        main()
    except SystemExit as stop:
        return stop.code or 0
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def leave(code):
    """End as Python does, but for taking the libraries apart."""
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    for module in (*LIBRARIES, *(f"edgesynth.cli.{command}" for command in COMMANDS)):
        with contextlib.suppress(ImportError):  # of another release's torch: the command imports what it needs
            importlib.import_module(module)
    serve()
