"""Choose the layers of an INT8 file that make the network faster on this CPU, among those that accuracy allows."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from edgesynth.export.int8.accuracy_guard import layers_of
from edgesynth.export.int8.calibration_choice import Calibrated, Source, ranges_of
from edgesynth.export.int8.dialects import Dialect
from edgesynth.export.int8.faster.clock import Clock
from edgesynth.export.int8.faster.search import NOTHING, Choice, fastest_choice, gains
from edgesynth.export.int8.faster.speed import ALL, Layers, Speed
from edgesynth.export.int8.faster.units import units_of
from edgesynth.export.int8.int8 import quantize
from edgesynth.export.onnx.runtime import run_onnx
from edgesynth.lineage.storage.files import write_bytes
from edgesynth.metrics.metric import ROUNDING_POINTS

AT_A_TIME = 4  # networks that are timed with the reference, and are in memory together
FP32, EVERYTHING, CHOSEN = "fp32", "everything", "chosen"


def choose_layers(
    source: Source,
    dialect: Dialect,
    path: Path,
    calibrated: Calibrated,
    max_loss: float,
    clock: Clock,
    layers: Layers,
) -> Speed:
    """Time an INT8 file by turns with the fp32 one, and leave in floating point what is faster so.

    Where no choice of layers is faster than fp32, the file keeps all of them.

    Args:
        source: what it was made from.
        dialect: how it is written.
        path: the file, with every layer in INT8 that accuracy allows; it is replaced.
        calibrated: how it was calibrated.
        max_loss: points of the metric that INT8 may cost on validation.
        clock: times the files.
        layers: `all` times the file as it is.

    Returns:
        What was measured of the file that is kept.
    """
    candidates = _Candidates(source, dialect, calibrated, clock)
    choice = candidates.everything
    if layers != ALL:
        choice = fastest_choice(len(choice), candidates.speed_ups, clock.affords)
    files = {FP32: source.model, EVERYTHING: path}
    loss = calibrated.guarded.loss
    with tempfile.TemporaryDirectory(prefix="edgesynth-") as folder:
        if choice not in (NOTHING, candidates.everything):
            partial = Path(folder) / path.name
            candidates.write(choice, partial)
            loss = source.reference - source.score(run_onnx(partial, source.validation))
            if loss <= max(max_loss, calibrated.guarded.loss) + ROUNDING_POINTS:
                files[CHOSEN] = partial
        latencies_ms = clock.latencies_ms(files)
        kept = _fastest(latencies_ms)
        if kept == CHOSEN:
            write_bytes(path, files[CHOSEN].read_bytes())
    choice = choice if kept == CHOSEN else candidates.everything
    return Speed(
        **clock.facts,
        asked_for=layers,
        fp32_ms=latencies_ms[FP32],
        int8_ms=latencies_ms[kept],
        all_int8_ms=latencies_ms[EVERYTHING],
        int8_layers=candidates.layers(choice),
        fp32_layers=candidates.layers(candidates.everything - choice),
        loss_points=loss if kept == CHOSEN else calibrated.guarded.loss,
    )


def _fastest(latencies_ms: dict[str, float]) -> str:
    """The fastest of the INT8 files; that with all layers where none is faster than fp32."""
    fastest = min((name for name in latencies_ms if name != FP32), key=lambda name: latencies_ms[name])
    return fastest if gains(latencies_ms[FP32] / latencies_ms[fastest]) else EVERYTHING


class _Candidates:
    """Files of one network that differ in the layers that are INT8.

    Args:
        source: see `choose_layers`.
        dialect: see there.
        calibrated: see there.
        clock: see there.
    """

    def __init__(self, source: Source, dialect: Dialect, calibrated: Calibrated, clock: Clock) -> None:
        import onnx

        plain = onnx.load(str(source.model))
        guarded = {*source.kept, *calibrated.guarded.floating}
        able = {node.name for node in plain.graph.node if dialect.quantizes(node) and node.name not in guarded}
        self.units = units_of(plain, able)
        self.everything: Choice = frozenset(range(len(self.units)))
        self._names = layers_of(plain)
        self._floating = tuple(guarded)
        self._ranges = ranges_of(plain, source, calibrated.method)
        self._form = next((form for form in dialect.forms if form.name == calibrated.weights), dialect.forms[0])
        self._source, self._dialect, self._clock = source, dialect, clock

    def layers(self, choice: Choice) -> tuple[str, ...]:
        """Names of the layers in these units."""
        return tuple(name for unit in sorted(choice) for name in self.units[unit] if name in self._names)

    def write(self, choice: Choice, path: Path) -> None:
        """Write the network with these units in INT8; the plain one where there are none."""
        source = self._source
        if not choice:
            write_bytes(path, source.model.read_bytes())
            return
        left = (name for unit in self.everything - choice for name in self.units[unit])
        floating = (*self._floating, *left)
        quantize(source.model, self._dialect, self._ranges, path, floating, source.learned, self._form)

    def speed_ups(self, reference: Choice, others: Sequence[Choice]) -> list[float]:
        """See `search.SpeedUps`."""
        timed: list[float] = []
        for begin in range(0, len(others), AT_A_TIME):
            with tempfile.TemporaryDirectory(prefix="edgesynth-") as folder:
                paths = [Path(folder) / f"{place}.onnx" for place in range(AT_A_TIME + 1)]
                choices = (reference, *others[begin : begin + AT_A_TIME])
                for choice, path in zip(choices, paths, strict=False):
                    self.write(choice, path)
                timed += self._clock.speed_ups(paths[0], paths[1 : len(choices)])
        return timed
