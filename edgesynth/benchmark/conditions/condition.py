"""What every condition has: a look before the run, looks under load, flags, and what was seen."""

import os
import re
from typing import Any, Dict, List, Optional


class Condition:
    """One thing about the machine that can spoil a measurement."""

    def begin(self) -> None:
        """Look before the run, at rest."""

    def look(self) -> None:
        """Look under load; nothing that fails is raised."""

    def flags(self) -> List[str]:
        """What would mislead, by name; empty if all was well."""
        return []

    def describe(self) -> Dict[str, Any]:
        """What was seen, by names of the result; `unseen` is a list of what could not be and why."""
        return {}


class Unseen(Condition):
    """What cannot be seen here, and why."""

    def __init__(self, what: str, why: str) -> None:
        self._line = "{}: {}".format(what, why)

    def describe(self) -> Dict[str, Any]:
        """What is not seen, and why, as a line of `unseen`."""
        return {"unseen": [self._line]}


def read_number(path: str) -> Optional[float]:
    """The number that a file of sysfs begins with; None if it cannot be read or holds none."""
    text = read_text(path)
    match = re.match(r"-?\d+", text) if text else None
    return float(match.group()) if match else None


def read_text(path: str) -> Optional[str]:
    """What a file of sysfs holds; None if it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return None


def matching(folder: str, pattern: str) -> List[str]:
    """Paths in a folder whose names match as a whole, sorted; none if there is no such folder."""
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return []
    return [os.path.join(folder, name) for name in names if re.fullmatch(pattern, name)]
