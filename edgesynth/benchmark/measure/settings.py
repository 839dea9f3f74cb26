"""How to measure: the settings of a run, and which of them cannot be measured."""

import math
from typing import NamedTuple, Optional, Tuple

from edgesynth import defaults
from edgesynth.benchmark.engines.engine import WAITS
from edgesynth.benchmark.engines.ways import Ways, check_ways
from edgesynth.benchmark.measure.configurations import CALIBRATIONS
from edgesynth.benchmark.timing import scenarios
from edgesynth.errors import UserError

MAX_BATCH = 4096
MAX_THREADS = 256
MAX_REBUILDS = 50


class Settings(NamedTuple):
    """How to measure.

    Attributes:
        batches: images per inference, each 1 to 4096.
        duration_s: timed seconds for each precision and batch, above 0.
        warm_up_s: untimed seconds before, for each, 0 or more.
        threads: threads of the engine, 1 to 256.
        idle_s: seconds of rest in which the idle power is measured, 0 or more (0: it is not); None for `duration_s`.
        scenario: one of `scenarios.SCENARIOS`.
        wait: how the CPU waits for a GPU, one of `engines.engine.WAITS`; None for spinning.
        calibrate: where the ranges of int8 come from, one of `configurations.CALIBRATIONS`; None for the best there is.
        steady_s: where energy is measured, at most so many seconds of warm-up until power and temperature are steady,
            0 or more (0: they are not waited for).
        wattmeter: the log that an external wattmeter writes during the run (`power.wattmeter_log`); None without one.
        rebuilds: how often each model is built anew after the run, 0 to 50, to see how much its builds differ.
        ways: how the engine runs a model beside the plain way.
    """

    batches: Tuple[int, ...] = (1,)
    duration_s: float = defaults.DURATION_S
    warm_up_s: float = defaults.WARM_UP_S
    threads: int = defaults.THREADS
    idle_s: Optional[float] = None
    scenario: str = defaults.SCENARIO
    wait: Optional[str] = None
    calibrate: Optional[str] = None
    steady_s: float = defaults.STEADY_S
    wattmeter: Optional[str] = None
    rebuilds: int = defaults.REBUILDS
    ways: Ways = Ways()


def check_settings(settings: Settings) -> None:
    """Refuse settings that cannot be measured.

    Args:
        settings: what was asked for.

    Raises:
        UserError: a value is out of range; the message names it.
    """
    if not settings.batches:
        raise UserError("no batch was given; it must be 1 to {}, e.g. --batch 1".format(MAX_BATCH))
    for batch in settings.batches:
        if not 1 <= batch <= MAX_BATCH:
            raise UserError("the batch is {}; it must be 1 to {}, e.g. --batch 1,8".format(batch, MAX_BATCH))
    if not (math.isfinite(settings.duration_s) and settings.duration_s > 0):
        raise UserError(
            "--duration-s is {}; it must be above 0 ({:g} is the default)".format(
                settings.duration_s, defaults.DURATION_S
            )
        )
    if not (math.isfinite(settings.warm_up_s) and settings.warm_up_s >= 0):
        raise UserError(
            "--warm-up-s is {}; it must be 0 or more ({:g} is the default)".format(
                settings.warm_up_s, defaults.WARM_UP_S
            )
        )
    if not (math.isfinite(settings.steady_s) and settings.steady_s >= 0):
        raise UserError(
            "--steady-s is {}; it must be 0 or more ({:g} is the default, 0: nothing is waited for)".format(
                settings.steady_s, defaults.STEADY_S
            )
        )
    if settings.idle_s is not None and not (math.isfinite(settings.idle_s) and settings.idle_s >= 0):
        raise UserError("--idle-s is {}; it must be 0 or more (0: idle power is not measured)".format(settings.idle_s))
    if not 1 <= settings.threads <= MAX_THREADS:
        raise UserError(
            "--threads is {}; it must be 1 to {} ({} is the default)".format(
                settings.threads, MAX_THREADS, defaults.THREADS
            )
        )
    if not 0 <= settings.rebuilds <= MAX_REBUILDS:
        raise UserError(
            "--rebuilds is {}; it must be 0 to {} (0: nothing is built anew)".format(settings.rebuilds, MAX_REBUILDS)
        )
    scenarios.find(settings.scenario).batches(settings.batches)
    check_ways(settings.ways)
    if settings.ways.streams > 1 and settings.scenario == scenarios.SingleStream.name:
        raise UserError(
            "--scenario single-stream is one image at a time and --streams is {}; leave one of them out".format(
                settings.ways.streams
            )
        )
    if settings.wait is not None and settings.wait not in WAITS:
        raise UserError("--wait is {!r}; choose from: {}".format(settings.wait, ", ".join(WAITS)))
    if settings.calibrate is not None and settings.calibrate not in CALIBRATIONS:
        raise UserError("--calibrate is {!r}; choose from: {}".format(settings.calibrate, ", ".join(CALIBRATIONS)))
