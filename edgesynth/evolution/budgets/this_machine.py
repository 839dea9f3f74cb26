"""`--board local`: the latency of this machine, from a grid of its layers' times.

The grid is measured before the run, as far as the user's cache does not hold it, and the run keeps its own copy: an
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
    """Times the layers of networks; handed in, since evolution knows no export."""

    def measure(
        self, model: nn.Module, input_shape: Sequence[int], opset: int, announce: Callable[[str], None]
    ) -> Timed:
        """Times of this machine's layers, those that are not known yet measured, and what lies beside the layers."""
        ...

    def read(self, model: nn.Module, input_shape: Sequence[int], opset: int, grid: str) -> Timed:
        """The times of a grid's file as they are, and what lies beside the layers."""
        ...


def with_times(
    kind: Species, config: Config, clock: Clock | None, run: Path | None, announce: Callable[[str], None]
) -> Species:
    """The species with the times of this machine's layers, where the run aims at it.

    Args:
        kind: the species.
        config: names the board, or none.
        clock: times layers.
        run: directory of a run that has begun, whose own grid is used; None for a new one.
        announce: called with a line now and then.

    Raises:
        UserError: nothing was given that times layers, the network cannot be timed, or the run's grid is damaged.
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
    """Keep the grid of a run that has just begun."""
    if kind.times is not None:
        write_json(run / FILE, sealed(kind.times.grid.to_json()))
