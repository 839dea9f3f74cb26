"""`--board local`: the latency of this machine, from a grid of its layers' times.

What the user's cache does not hold of the grid is measured before the run. The run keeps its own copy, so that an
individual stays a function of its parents, its place and what the run directory holds.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from torch import nn

from edgesynth.boards.probed.grid import Beside
from edgesynth.errors import UserError
from edgesynth.files.json_file import sealed
from edgesynth.lineage import THIS_MACHINE, Config, Species
from edgesynth.lineage.storage.files import write_json
from edgesynth.planning.cost.times import GridTimes

FILE = "grid.json"
Timed = tuple[GridTimes, tuple[Beside, ...]]


class Clock(Protocol):
    """Times the layers of networks; the caller gives it, because evolution knows no export."""

    def measure(
        self, model: nn.Module, input_shape: Sequence[int], opset: int, announce: Callable[[str], None]
    ) -> Timed:
        """Times of this machine's layers, measured where they are not known yet, and the operators beside them."""
        ...

    def read(self, model: nn.Module, input_shape: Sequence[int], opset: int, grid: str) -> Timed:
        """Times of a grid's file as they are, and the operators beside the layers."""
        ...


def with_times(
    kind: Species, config: Config, clock: Clock | None, run: Path | None, announce: Callable[[str], None]
) -> Species:
    """The species with the times of this machine's layers if the run aims at this machine; else as it is.

    Args:
        kind: the species.
        config: of the run; it names the board, if any.
        clock: times layers.
        run: directory of a run that has begun: its own grid is used. None for a new run.
        announce: called with a line now and then.

    Raises:
        UserError: there is no clock, the network cannot be timed, or the run's grid is damaged.
    """
    if config.board != THIS_MACHINE:
        return kind
    if clock is None:
        raise UserError(f"board is {THIS_MACHINE} and nothing that times layers was given; give a clock")
    if run is None:
        times, beside = clock.measure(kind.model, kind.input_shape, config.opset, announce)
    else:
        times, beside = clock.read(kind.model, kind.input_shape, config.opset, str(run / FILE))
    return dataclasses.replace(kind, times=times, beside=beside)


def keep_times(kind: Species, run: Path) -> None:
    """Save the grid of a run that has just begun in its directory."""
    if kind.times is not None:
        write_json(run / FILE, sealed(kind.times.grid.to_json()))
