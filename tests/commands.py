"""The command `edgesynth` in processes of their own that need not import torch again.

A server imports the libraries once and forks for each call. The child has its own working directory, environment,
streams and exit code, as a started command has, and spares the imports, which were most of what a call cost. What
children share is what a fork shares: the libraries and the seed of hashes. So a test about imports, Python's own
variables or the same bits in another process starts the console script (the fixture `console_script`). A command that
is to be stopped or killed can be a child: `start` gives its process.
"""

import atexit
import contextlib
import gc
import importlib
import json
import os
import resource
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
    "edgesynth.benchmark.measure.quick",
    "edgesynth.cli.terminal.progress",
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


def surroundings():
    """The variables of these tests, without the width of their terminal, which pytest-xdist tells its workers."""
    return {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}


def start_script(*arguments, cwd, env=None):
    """Start the console script as a shell does.

    Returns: subprocess.CompletedProcess with its exit code, standard output and standard error.
    """
    command = [str(EDGESYNTH), *map(str, arguments)]
    environment = {**surroundings(), **(env or {})}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S)


class CommandServer:
    """Call it as `start_script`; `close` it in the end."""

    def __init__(self, folder):
        self.folder, self.process, self.started = folder, None, 0

    def __call__(self, *arguments, cwd, env=None, file_size=None):
        process = self.start(*arguments, cwd=cwd, env=env, file_size=file_size)
        return subprocess.CompletedProcess(process.arguments, process.wait(), *process.read())

    def start(self, *arguments, cwd, env=None, file_size=None):
        """Start the command and go on at once; end it before the test ends.

        Args:
            arguments: of the command.
            cwd: where it runs.
            env: variables beside those of the tests.
            file_size: bytes that a file may have which it writes; without limit by default.
        """
        python = [name for name in env or {} if name.startswith("PYTHON") and name != "PYTHONPATH"]
        assert not python, f"{python}: Python reads this when it starts, so use console_script"
        arguments = list(map(str, arguments))
        self.started += 1
        streams = [str(self.folder / f"{self.started}-{name}") for name in ("stdout", "stderr")]
        environment = {**surroundings(), **(env or {})}
        call = {"arguments": arguments, "cwd": str(cwd), "env": environment, "streams": streams, "file_size": file_size}
        return StartedCommand(self, self.ask(arguments, call=call), arguments, streams)

    def ask(self, arguments, **question):
        """What the server answers: the process that it has started, or how one ended; None of one that runs."""
        if self.process is None:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.commands"],
                cwd=Path(__file__).parents[1],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        ready, _, _ = select.select([self.process.stdout], [], [], TIMEOUT_S)
        answer = self.process.stdout.readline() if ready else ""
        if not answer:
            self.close()
            raise TimeoutError(f"edgesynth {' '.join(arguments)} did not end within {TIMEOUT_S} s, or its server died")
        return json.loads(answer)

    def close(self):
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.communicate()
            self.process = None


class StartedCommand:
    """A command that runs, to be asked, killed and waited for as a subprocess.Popen."""

    def __init__(self, server, pid, arguments, streams):
        self.server, self.pid, self.arguments, self.streams, self.returncode = server, pid, arguments, streams, None

    def poll(self):
        return self._end(os.WNOHANG)

    def wait(self):
        return self._end(0)

    def send_signal(self, number):
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)

    def read(self):
        """What it has written to standard output and to standard error."""
        return tuple(Path(path).read_text() for path in self.streams)

    def _end(self, options):
        if self.returncode is None:
            self.returncode = self.server.ask(self.arguments, pid=self.pid, options=options)
        return self.returncode


def serve():
    """Answer each call on standard input with its process, and each question for a process with its exit code."""
    gc.freeze()  # or each child would copy the pages of all libraries when it counts its garbage
    for line in sys.stdin:
        question = json.loads(line)
        if "call" in question:
            answer = os.fork()
            if not answer:
                leave(run(**question["call"]))
        else:
            ended, status = os.waitpid(question["pid"], question["options"])
            answer = os.waitstatus_to_exitcode(status) if ended else None
        print(json.dumps(answer), flush=True)


def run(arguments, cwd, env, streams, file_size):
    """Be the console script with these arguments, in this place: its exit code."""
    for number, path in enumerate((os.devnull, *streams)):
        os.dup2(os.open(path, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = [str(EDGESYNTH), *arguments]
    sys.path[0] = str(EDGESYNTH.parent)
    sys.path[1:1] = env.get("PYTHONPATH", "").split(os.pathsep) if env.get("PYTHONPATH") else []
    numpy.random.seed()  # a new process has a seed of its own
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores Ctrl-C
    if file_size is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, file_size))
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
    for module in (*LIBRARIES, *(f"edgesynth.cli.commands.{command}" for command in COMMANDS)):
        with contextlib.suppress(ImportError):  # of another release's torch: the command imports what it needs
            importlib.import_module(module)
    serve()
