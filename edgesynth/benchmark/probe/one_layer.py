"""Single layers, loaded and timed on an engine at one precision.

Called again and again, a layer alone would find its weights in the cache, where a network has put other layers' since.
So another layer, of more weights than these caches hold, runs before each timed call.
"""

import functools
import json
import os
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Type

from edgesynth.benchmark.bundle.bundle import CALIBRATED
from edgesynth.benchmark.bundle.samples import NoSamples
from edgesynth.benchmark.engines.engine import Engine
from edgesynth.benchmark.power import NoPower
from edgesynth.benchmark.probe.layer_file import LayerFile, layer_file, smallest_file
from edgesynth.benchmark.probe.settings import ProbeSettings
from edgesynth.benchmark.timing.timing import Track, spread, time_interleaved
from edgesynth.boards.probed import linear_shape
from edgesynth.errors import UserError

# Of every tensor; the time of a layer does not depend on it.
_AMAX = 4.0
# Its weights, 8 MiB at FP32 and half of it at FP16, fill the second-level cache of any Jetson and of a core.
_SWEEP_INPUTS, _SWEEP_WIDTH = 1024, 2048


class Form(NamedTuple):
    """How a file of one layer is written for a precision.

    Attributes:
        precision: that the engine is asked for.
        half: whether the types within are FP16.
        ranges: whether a ranges.json comes with it.
    """

    precision: str
    half: bool
    ranges: bool


def form_of(kind: Type[Engine], precision: Optional[str]) -> Form:
    """The form that an engine takes for a precision.

    Args:
        kind: the engine.
        precision: None for fp16 where the engine has it, else fp32.

    Raises:
        UserError: the engine does not have it, or takes it from Q/DQ files alone.
    """
    candidates = kind.candidates()
    name = precision if precision is not None else "fp16" if "fp16" in candidates else "fp32"
    forms = {
        "fp32": Form(name, False, False),
        "fp16": Form(name, True, False),
        CALIBRATED: Form(name, False, True),
    }
    possible = {option: [key for key in keys if key in forms] for option, keys in candidates.items()}
    if not possible.get(name):
        raise UserError(
            "{} cannot be probed at {!r}; choose from: {}".format(
                kind.name, name, ", ".join(option for option, keys in possible.items() if keys)
            )
        )
    return forms[possible[name][0]]


class Bench:
    """Loads files of one layer and times them.

    Attributes:
        form: of the files.
        batch: images per run.
        call_ms: median time of a call that computes next to nothing.
        engine: what a reader must know of the engine.
        flags: what of it would mislead.

    Args:
        folder: for the files.
        kind: the engine.
        form: see above.
        settings: of the probe.

    Raises:
        UserError: the engine cannot be used here.
    """

    def __init__(self, folder: str, kind: Type[Engine], form: Form, settings: ProbeSettings) -> None:
        self._folder = folder
        self._kind = kind
        self._settings = settings
        self.form = form
        self.batch = settings.batch
        smallest = self._load(smallest_file(settings.batch, form.half), 0)
        self.engine: Dict[str, Any] = smallest.describe()
        self.flags = smallest.flags()
        (track,) = self._time([smallest])
        self.call_ms = spread(track.latencies_ms)["p50"]
        smallest.close()
        sweep = layer_file(linear_shape(_SWEEP_INPUTS), _SWEEP_WIDTH, _SWEEP_INPUTS, settings.batch, form.half)
        self._sweep = self._call(self._load(sweep, 0))

    def time(self, files: Sequence[LayerFile]) -> List[Track]:
        """Load files together and time them interleaved.

        Raises:
            UserError: the engine refuses one.
        """
        loaded: List[Engine] = []
        try:
            for number, file in enumerate(files):
                loaded.append(self._load(file, number))
            return self._time(loaded, self._sweep)
        finally:
            for engine in loaded:
                engine.close()

    def _load(self, file: LayerFile, number: int) -> Engine:
        path = os.path.join(self._folder, "layer{}.onnx".format(number))
        with open(path, "wb") as opened:
            opened.write(file.content)
        ranges = None
        if self.form.ranges:
            ranges = path + ".ranges.json"
            with open(ranges, "w", encoding="utf-8") as text:
                json.dump({"schema": 1, "amax": dict.fromkeys(file.tensors, _AMAX)}, text)
        engine = self._kind()
        engine.keeps_plans = False
        engine.load(path, self.form.precision, self.batch, self._settings.threads, ranges)
        return engine

    def _call(self, engine: Engine) -> Callable[[], Any]:
        return functools.partial(engine.run, NoSamples("a layer alone").batch_of(self.batch, engine.input_shape))

    def _time(self, loaded: Sequence[Engine], between: Optional[Callable[[], Any]] = None) -> List[Track]:
        each_s, warm_up_s = self._settings.each_s, self._settings.warm_up_s
        calls = [self._call(engine) for engine in loaded]
        return time_interleaved(calls, each_s, warm_up_s, NoPower("not asked for"), between=between)
