"""Times of this machine for a network that is no file yet: its grid, with what the network needs measured."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from edgesynth.benchmark.bundle.bundle import open_target
from edgesynth.benchmark.probe.grid.measuring import probe_grid
from edgesynth.benchmark.probe.grid.parts import parts_of
from edgesynth.benchmark.probe.grid.settings import GridSettings
from edgesynth.benchmark.probe.onnx_graph import read_graph
from edgesynth.boards.probed.grid import Beside
from edgesynth.export.onnx.onnx_file import OPSET, to_onnx
from edgesynth.planning.cost.times import GridTimes

SETTINGS = GridSettings()


def times_of_this_machine(
    model: nn.Module,
    input_shape: Sequence[int],
    opset: int = OPSET,
    settings: GridSettings = SETTINGS,
    announce: Callable[[str], Any] = lambda line: None,
    grid: str | None = None,
) -> tuple[GridTimes, tuple[Beside, ...]]:
    """Times of ONNX Runtime on this machine's CPU, and what lies beside the network's layers.

    What the grid does not hold yet of the network is measured first: a minute or so the first time, then seconds.

    Args:
        model: takes images (N, C, H, W).
        input_shape: (C, H, W).
        opset: 13 to 18.
        settings: of the probe.
        announce: called with a line now and then.
        grid: the file; None for this machine's in the user's cache folder.

    Raises:
        UserError: the network cannot be written as ONNX, or has no layer that can be probed.
    """
    with tempfile.TemporaryDirectory(prefix="edgesynth-") as folder:
        file = Path(folder) / "model.onnx"
        to_onnx(model, input_shape, file, opset)
        measured = probe_grid(open_target(str(file)), grid, settings=settings, announce=announce)
        return GridTimes(measured.grid), tuple(parts_of(read_graph(str(file))).beside)
