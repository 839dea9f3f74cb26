"""TensorRT's log, kept: TensorRT reports a refusal there, and returns nothing.

TensorRT knows one logger in a process: the first that it is given, which must live as long as the process does.
"""

import re
from typing import Any, List

_ERRORS, _WARNING = ("ERROR", "INTERNAL_ERROR"), "WARNING"
_KEPT = 200
_RECENT = 10
# As TensorRT and CUDA put it (NVIDIA/TensorRT#3017).
_MEMORY = re.compile("OutOfMemory|out of memory|could not be allocated|insufficient memory")

_made: List[Any] = []


def the_log(trt: Any) -> Any:
    """The logger of this process, with `errors` and `warnings`, lists of lines; nothing is printed.

    Args:
        trt: the module tensorrt.
    """
    if not _made:
        _made.append(_make(trt))
    return _made[0]


def _make(trt: Any) -> Any:

    class Log(trt.ILogger):
        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.errors: List[str] = []
            self.warnings: List[str] = []

        def log(self, severity: Any, message: str) -> None:
            lines = self.errors if severity.name in _ERRORS else self.warnings if severity.name == _WARNING else None
            if lines is not None:
                del lines[:-_KEPT]
                lines.append(" ".join(str(message).split()))

    return Log()


def said(log: Any) -> str:
    """What the log says went wrong: its errors, each once, the newest last."""
    lines = list(dict.fromkeys(log.errors))[-3:]
    return "; ".join(lines) or "it gives no reason"


def is_about_memory(log: Any) -> bool:
    """Whether one of the newest errors is that there was too little memory."""
    return any(_MEMORY.search(line) for line in log.errors[-_RECENT:])
