"""Ctrl-C while TensorRT builds and loads: it cannot be stopped from outside, and swallows exceptions in its callbacks.

Python hears of Ctrl-C when TensorRT calls back, for a line of its log. Raised there, KeyboardInterrupt would be lost;
so it is noted, and raised when the build is over and its plan kept. The second Ctrl-C ends the process at once.
"""

import os
import signal
import sys
import threading
from typing import Any

EXIT_CODE = 130
_NOTICE = (
    "Ctrl-C: TensorRT cannot be stopped within a build; this one is finished and kept, then it ends (again: at once)\n"
)


class Deferred:
    """Within it Ctrl-C is noted; at the end `raise_noted` raises it.

    Where Ctrl-C is ignored (a job in the background) or is not ours to handle (a thread), nothing changes.
    """

    def __init__(self) -> None:
        self._noted = False
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
        if self._noted:
            raise KeyboardInterrupt

    def _pressed(self, number: int, frame: Any) -> None:
        if self._noted:
            # No cleaning up in the middle of a build: the kernel takes the GPU's context and the lock back.
            os._exit(EXIT_CODE)
        self._noted = True
        sys.stderr.write(_NOTICE)
        sys.stderr.flush()
