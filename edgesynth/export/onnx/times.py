"""Times of this machine for a network that is no file yet: its grid, with what the network needs measured."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import nn

from edgesynth.benchmark.bundle.bundle import open_target
from edgesynth.benchmark.probe.grid.measuring import probe_grid
from edgesynth.benchmark.probe.grid.parts import parts_of
from edgesynth.benchmark.probe.grid.settings import GridSettings
from edgesynth.benchmark.probe.onnx_graph import read_graph
from edgesynth.boards.probed.grid import Beside
from edgesynth.export.onnx.onnx_file import to_onnx
from edgesynth.planning.cost.times import GridTimes

SETTINGS = GridSettings()


class OnnxRuntimeClock:
    """Times layers by ONNX Runtime on this machine's CPU.

    Args:
        settings: of the probe.
        grid: the file of the grid; None for this machine's in the user's cache folder.
    """

    def __init__(self, settings: GridSettings = SETTINGS, grid: str | None = None) -> None:
        self.settings = settings
        self.grid = grid

    def measure(
        self,
        model: nn.Module,
        input_shape: Sequence[int],
        opset: int,
        announce: Callable[[str], Any] = lambda line: None,
    ) -> tuple[GridTimes, tuple[Beside, ...]]:
        """The grid, and what lies beside the network's layers.

        What the grid does not hold yet of the network is measured first: a minute or so the first time, then seconds.

        Args:
            model: takes images (N, C, H, W).
            input_shape: (C, H, W).
            opset: 13 to 18.
            announce: called with a line now and then.

        Raises:
            UserError: the network cannot be written as ONNX, or has no layer that can be probed.
        """
        with _file_of(model, input_shape, opset) as file:
            measured = probe_grid(open_target(file), self.grid, settings=self.settings, announce=announce)
            return GridTimes(measured.grid), tuple(parts_of(read_graph(file)).beside)

    def read(
        self, model: nn.Module, input_shape: Sequence[int], opset: int, grid: str
    ) -> tuple[GridTimes, tuple[Beside, ...]]:
        """The same of a grid that was measured before; nothing is measured, and the file stays as it is.

        Raises:
            UserError: see `measure`; or the file is no grid.
        """
        with _file_of(model, input_shape, opset) as file:
            return GridTimes.read(grid), tuple(parts_of(read_graph(file)).beside)


@contextmanager
def _file_of(model: nn.Module, input_shape: Sequence[int], opset: int) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="edgesynth-") as folder:
        file = Path(folder) / "model.onnx"
        to_onnx(model, input_shape, file, opset)
        yield str(file)
