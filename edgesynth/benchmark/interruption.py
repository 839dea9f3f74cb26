"""Ctrl-C deferred: it is noted, and raised when a complete result can be kept.

TensorRT cannot be stopped while it builds and loads, and swallows exceptions in its callbacks: Python hears of Ctrl-C
when TensorRT calls back, for a line of its log. Raised there, KeyboardInterrupt would be lost; so it is raised when the
build is over and its plan kept. And a measurement on another machine is to end there, and its result to come back.
"""

import os
import signal
import sys
import threading
from typing import Any, Callable

EXIT_CODE = 130


def tell_of_build() -> None:
    """Print that Ctrl-C takes effect after the build."""
    tell("TensorRT cannot be stopped within a build; this one is finished and kept, then it ends (again: at once)")


def end_process() -> None:
    """End the process in the middle of a build; the kernel releases the GPU's context and the lock."""
    os._exit(EXIT_CODE)


def tell(what: str) -> None:
    """Print when a Ctrl-C takes effect."""
    sys.stderr.write("Ctrl-C: {}\n".format(what))
    sys.stderr.flush()


class Deferred:
    """Within it Ctrl-C is noted; at the end `raise_noted` raises it.

    Where Ctrl-C is ignored (a job in the background) or is not ours to handle (a thread), nothing changes.

    Args:
        first: called at the first Ctrl-C.
        again: called at each further one.

    Attributes:
        noted: whether Ctrl-C was pressed.
    """

    def __init__(self, first: Callable[[], Any] = tell_of_build, again: Callable[[], Any] = end_process) -> None:
        self.noted = False
        self._first = first
        self._again = again
        self._before: Any = None

    def __enter__(self) -> "Deferred":
        main = threading.current_thread() is threading.main_thread()
        if main and signal.getsignal(signal.SIGINT) not in (signal.SIG_IGN, signal.SIG_DFL, None):
            self._before = signal.signal(signal.SIGINT, self._pressed)
        return self

    def __exit__(self, *error: Any) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def raise_noted(self) -> None:
        """Raise KeyboardInterrupt if Ctrl-C was noted; after the `with`."""
        if self.noted:
            raise KeyboardInterrupt

    def _pressed(self, number: int, frame: Any) -> None:
        if self.noted:
            self._again()
            return
        self.noted = True
        self._first()
