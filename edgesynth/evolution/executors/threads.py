"""CPU threads: sums are added up in another order by another number of them, so a lineage keeps to one number.

Measured on LeNet-5: after two epochs with 1, 2 and 4 threads the weights differ in their last bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from edgesynth.lineage import ANCESTOR, Run


def threads_of(run: Run) -> int:
    """Threads that each individual of a run is bred with: as configured, else as its ancestor was, else torch's own."""
    return run.config.threads or (run.threads(ANCESTOR) if run.has(ANCESTOR) else torch.get_num_threads())


@contextmanager
def cpu_threads(count: int) -> Iterator[None]:
    """Let torch use so many CPU threads within."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
