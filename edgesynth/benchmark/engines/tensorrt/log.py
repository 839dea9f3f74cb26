"""TensorRT's log, kept: what it refuses it says there, and returns nothing."""

from typing import Any, List

_ERRORS = ("ERROR", "INTERNAL_ERROR")
_KEPT = 200


def make_log(trt: Any) -> Any:
    """A logger of TensorRT with `errors` and `warnings`, lists of lines; nothing is printed.

    Args:
        trt: the module tensorrt.
    """

    class Log(trt.ILogger):
        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.errors: List[str] = []
            self.warnings: List[str] = []

        def log(self, severity: Any, message: str) -> None:
            line = " ".join(str(message).split())
            kept = self.errors if severity.name in _ERRORS else self.warnings
            if severity.name in _ERRORS or severity.name == "WARNING":
                del kept[:-_KEPT]
                kept.append(line)

    return Log()


def said(log: Any) -> str:
    """What the log says went wrong: its errors, each once, the newest last."""
    lines = list(dict.fromkeys(log.errors))[-3:]
    return "; ".join(lines) or "it gives no reason"
