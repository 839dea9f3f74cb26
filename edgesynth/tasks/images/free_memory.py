"""Memory that is free, on this machine or in the container that this process runs in."""

from __future__ import annotations

import os
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
# Of version 2 and of version 1: the most, what is used, and where the part of that is told that files can give back.
FORMS = (
    ("memory.max", "memory.current", "memory.stat"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat"),
)
GIVEN_BACK = ("inactive_file", "total_inactive_file")


def available_bytes() -> int:
    """Free memory as the system reports it: the machine's, or the container's if that is less."""
    free = _free_on_machine()
    left = _left_to_container()
    return free if left is None else min(free, left)


def _free_on_machine() -> int:
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass  # not Linux
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _left_to_container() -> int | None:
    """None where there is no bound."""
    for most, used, stat in FORMS:
        try:
            bound = (CGROUPS / most).read_text().strip()
            if not bound.isdigit():
                continue
            facts = dict(line.split() for line in (CGROUPS / stat).read_text().splitlines())
            cached = next((int(facts[name]) for name in reversed(GIVEN_BACK) if name in facts), 0)
            return max(0, int(bound) - int((CGROUPS / used).read_text()) + cached)
        except (OSError, ValueError):
            continue
    return None
