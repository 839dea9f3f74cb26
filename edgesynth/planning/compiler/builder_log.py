"""What parser and builder say, kept and not printed."""

from __future__ import annotations

import re
from typing import Any

# Said wherever no GPU is: it is about this machine and not about the file.
_NO_GPU = "catchCudaError"
_SHOWN = 3

_made: list[Any] = []


def log_of(trt: Any) -> Any:
    """The logger of this process, emptied: TensorRT keeps the first that it is given.

    Args:
        trt: the module.
    """
    if not _made:
        _made.append(_make(trt))
    del _made[0].said[:]
    return _made[0]


def in_one_line(text: str) -> str:
    """A message without what this machine lacks."""
    return " ".join(" ".join(line for line in text.splitlines() if _NO_GPU not in line).split())


def _make(trt: Any) -> Any:
    class Log(trt.ILogger):
        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.said: list[tuple[str, str]] = []

        def log(self, severity: Any, message: str) -> None:
            self.said.append((severity.name, str(message)))

        @property
        def messages(self) -> list[str]:
            return [message for _, message in self.said]

        def errors(self) -> str:
            return "; ".join(self._of("ERROR", "INTERNAL_ERROR")[-_SHOWN:]) or "it gives no reason"

        def warnings(self) -> tuple[str, ...]:
            return tuple(self._of("WARNING"))

        def number(self, pattern: re.Pattern[str]) -> int | None:
            numbers = [int(match[1]) for message in self.messages if (match := pattern.search(message))]
            return numbers[-1] if numbers else None

        def _of(self, *kinds: str) -> list[str]:
            lines = [in_one_line(message) for kind, message in self.said if kind in kinds]
            return list(dict.fromkeys(line for line in lines if line))

    return Log()
