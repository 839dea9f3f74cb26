"""The options of a measurement, and a measurement by them on this machine."""

from typing import Any, Callable, Dict, NamedTuple, Optional, Tuple

from edgesynth import defaults
from edgesynth.benchmark.bundle.bundle import open_target
from edgesynth.benchmark.engines.ways import Ways
from edgesynth.benchmark.measure.run import measure
from edgesynth.benchmark.measure.settings import Settings, check_settings


class Options(NamedTuple):
    """The options of `edgesynth benchmark`; see `settings.Settings` for the ranges.

    Attributes:
        engine: its name, or `package.module:Class` (on this machine alone); None for TensorRT where it can be imported,
            else ONNX Runtime.
        precisions: names; None for all that the bundle has and the engine can run.
        batches: images per inference; None for 1, or for what the bundle is fixed to.
        duration_s: timed seconds for each precision and batch.
        warm_up_s: untimed seconds before, for each.
        idle_s: seconds of rest in which the idle power is measured; None for `duration_s`.
        threads: threads of the engine.
        scenario: see there.
        wait: see there.
        calibrate: see there.
        steady_s: see there.
        wattmeter: see there; on this machine alone.
        rebuilds: see there.
        ways: see there.
        docker: on another machine, measure in the board's container.
        python: on another machine, the Python to use: a name on its PATH, or a path.
    """

    engine: Optional[str] = None
    precisions: Optional[Tuple[str, ...]] = None
    batches: Optional[Tuple[int, ...]] = None
    duration_s: float = defaults.DURATION_S
    warm_up_s: float = defaults.WARM_UP_S
    idle_s: Optional[float] = None
    threads: int = defaults.THREADS
    scenario: str = defaults.SCENARIO
    wait: Optional[str] = None
    calibrate: Optional[str] = None
    steady_s: float = defaults.STEADY_S
    wattmeter: Optional[str] = None
    rebuilds: int = defaults.REBUILDS
    ways: Ways = Ways()
    docker: bool = False
    python: str = defaults.PYTHON

    def settings(self, fixed_batch: Optional[int] = None) -> Settings:
        """How to measure a bundle.

        Args:
            fixed_batch: what its models are fixed to; None if free.

        Raises:
            UserError: a value is out of range.
        """
        batches = self.batches if self.batches is not None else (fixed_batch or 1,)
        settings = Settings(
            tuple(batches),
            self.duration_s,
            self.warm_up_s,
            self.threads,
            self.idle_s,
            self.scenario,
            self.wait,
            self.calibrate,
            self.steady_s,
            self.wattmeter,
            self.rebuilds,
            Ways(*self.ways),  # a plain list where it came from another machine
        )
        check_settings(settings)
        return settings


def measure_here(path: str, options: Options, announce: Callable[[str], Any]) -> Dict[str, Any]:
    """Measure a bundle or a bare ONNX file on this machine.

    Args:
        path: the bundle's folder or the file.
        options: what is asked for.
        announce: called with each line of progress.

    Returns:
        The result, as `result.write_result` writes it.

    Raises:
        UserError: see `open_target` and `measure`.
    """
    options.settings()
    target = open_target(path)
    return measure(target, options.engine, options.precisions, options.settings(target.batch), announce=announce)
