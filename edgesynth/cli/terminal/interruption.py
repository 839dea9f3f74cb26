"""Ctrl-C that cannot be lost: compiled code, or a library's import, may swallow the exception that it raises."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any


class Interruption:
    """Within it, Ctrl-C raises KeyboardInterrupt at once, and again whenever `check` is called after it was swallowed.

    An error that leaves it after Ctrl-C is what compiled code made of the exception (safetensors reports the shape of a
    storage, for one), and leaves it as KeyboardInterrupt.

    Where Ctrl-C is ignored (a job in the background) or is not ours to handle (a thread), nothing changes.

    Attributes:
        seen: whether Ctrl-C was pressed.
    """

    def __init__(self) -> None:
        self.seen = False
        self._before: Any = None

    def __enter__(self) -> Interruption:
        main = threading.current_thread() is threading.main_thread()
        if main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._before = signal.signal(signal.SIGINT, self._pressed)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
        if self.seen and isinstance(error, Exception):
            raise KeyboardInterrupt from error

    def check(self) -> None:
        """Raise what was swallowed."""
        if self.seen:
            raise KeyboardInterrupt

    def _pressed(self, number: int, frame: FrameType | None) -> None:
        self.seen = True
        raise KeyboardInterrupt
