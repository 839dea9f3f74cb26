"""No power meter: reads nothing and says why, so that nobody has to ask whether there is one."""

from typing import Dict, List, Optional


class UnreadableError(Exception):
    """A meter cannot be read here; the message says why."""


class NoPower:
    """The meter of a machine that has none.

    Args:
        reason: why nothing can be read.
    """

    name = "none"
    scope: Optional[str] = None

    def __init__(self, reason: str) -> None:
        self.reason = reason
        self.rails: List[str] = []

    def start(self) -> None:
        """Nothing to start."""

    def stop(self) -> Dict[str, float]:
        """No rails: an empty dict, which is not the same as 0 mJ."""
        return {}
