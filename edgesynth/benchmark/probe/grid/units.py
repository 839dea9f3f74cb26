"""Timing of files of units: several are loaded together and timed interleaved; the fastest window of each counts.

Other work on the machine only adds time, and rarely to every one of several short windows. So the time of a file is the
shortest of its windows' medians, not the median of all calls.
"""

import functools
import os
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple, Type

from edgesynth.benchmark.bundle.samples import NoSamples
from edgesynth.benchmark.engines.engine import Engine
from edgesynth.benchmark.power import NoPower
from edgesynth.benchmark.probe.grid.settings import GridSettings
from edgesynth.benchmark.probe.grid.unit_file import smallest_file
from edgesynth.benchmark.probe.onnx_writer import LayerFile
from edgesynth.benchmark.timing.timing import Track, shortest_ms, time_interleaved
from edgesynth.errors import UserError


class Units(NamedTuple):
    """A file of units, and how many it holds."""

    file: LayerFile
    copies: int


class UnitTimer:
    """Loads files of units and times them.

    Attributes:
        call_ms: shortest time of a call that computes next to nothing.
        engine: the engine's description of itself.

    Args:
        folder: where the files are written.
        kind: the engine.
        settings: of the probe.

    Raises:
        UserError: the engine cannot be used here.
    """

    def __init__(self, folder: str, kind: Type[Engine], settings: GridSettings) -> None:
        self._folder = folder
        self._kind = kind
        self._settings = settings
        smallest = self._load(smallest_file(settings.batch), 0)
        self.engine: Dict[str, Any] = smallest.describe()
        self.flags = smallest.flags()
        self.call_ms = min(shortest_ms(self._time([smallest])[0]) for _ in range(3))
        smallest.close()

    def time(self, units: Sequence[Units]) -> Tuple[List[Optional[float]], List[str]]:
        """Time of one unit of each file, without the call, ms; None where the engine refuses the file, and why.

        Raises:
            UserError: the engine refuses all of them.
        """
        loaded: List[Optional[Engine]] = []
        problems: List[str] = []
        try:
            for number, unit_file in enumerate(units):
                try:
                    loaded.append(self._load(unit_file.file, number))
                except UserError as error:
                    loaded.append(None)
                    problems.append(str(error))
            taken = [engine for engine in loaded if engine is not None]
            if not taken:
                raise UserError(problems[0])
            times = iter([shortest_ms(track) for track in self._time(taken)])
            units_ms: List[Optional[float]] = []
            for engine, unit_file in zip(loaded, units):
                units_ms.append(None if engine is None else (next(times) - self.call_ms) / unit_file.copies)
            return units_ms, problems
        finally:
            for engine in loaded:
                if engine is not None:
                    engine.close()

    def _load(self, file: LayerFile, number: int) -> Engine:
        path = os.path.join(self._folder, "units{}.onnx".format(number))
        with open(path, "wb") as opened:
            opened.write(file.content)
        engine = self._kind()
        engine.keeps_plans = False
        engine.load(path, self._settings.precision, self._settings.batch, self._settings.threads)
        return engine

    def _call(self, engine: Engine) -> Callable[[], Any]:
        return functools.partial(
            engine.run, NoSamples("a unit alone").batch_of(self._settings.batch, engine.input_shape)
        )

    def _time(self, loaded: Sequence[Engine]) -> List[Track]:
        calls = [self._call(engine) for engine in loaded]
        return time_interleaved(calls, self._settings.each_s, 0, NoPower("not asked for"))
