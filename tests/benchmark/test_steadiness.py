"""Warm-up until power and temperature are steady, on a board that heats up by a known law."""

import math
import random

import pytest

from edgesynth.benchmark.measure.steadiness import drift_flags, hottest_zone_c, span_of, warm_up_until_steady
from edgesynth.benchmark.measure.student import student
from edgesynth.benchmark.measure.trend import trend_of
from edgesynth.benchmark.power import Meter, NoPower, Reading
from edgesynth.benchmark.timing.timing import Window


class Heating(Meter):
    """A board whose power rises from 6 W by `rise` while it works, with the time constant of its heat sink."""

    name = "heating"
    total_rails = ("VDD_IN",)
    least_window_s = 0.24

    def __init__(self, rise, constant_s, noise=0.0):
        self.rise, self.constant_s, self.noise = rise, constant_s, noise
        self.now_s, self.draw = 0.0, random.Random(0)

    def clock(self):
        return self.now_s

    def call(self):
        self.now_s += 0.02

    def power_mw(self, moment_s):
        return 6000 * (1 + self.rise * (1 - math.exp(-moment_s / self.constant_s)))

    def hottest_c(self):
        return 30 + 20 * (self.power_mw(self.now_s) / 6000 - 1) / self.rise if self.rise else 30.0

    def start(self):
        self.begin_s = self.now_s

    def stop(self):
        duration_s = self.now_s - self.begin_s
        power_mw = self.power_mw((self.begin_s + self.now_s) / 2) * self.draw.gauss(1, self.noise)
        return Reading({"VDD_IN": power_mw * duration_s}, duration_s, self.begin_s)


def warm_up(meter, timed_s=30.0, most_s=600.0, hottest_c=lambda: None, calls=1):
    return warm_up_until_steady([meter.call] * calls, meter, timed_s, most_s, hottest_c, meter.clock)


def test_a_board_that_heats_up_is_waited_for_until_a_run_would_see_less_than_1_percent():
    meter = Heating(rise=0.2, constant_s=60.0)
    done = warm_up(meter)
    assert done.steady
    assert meter.power_mw(meter.now_s) / meter.power_mw(meter.now_s - span_of(30.0)) < 1.0105
    # And not much longer: a span before that it was not.
    assert done.duration_s < 60.0 * math.log(0.2 / 0.01) + 30


def test_the_temperature_is_waited_for_where_the_power_tells_nothing():
    meter = Heating(rise=1e-6, constant_s=60.0)
    done = warm_up(meter, hottest_c=meter.hottest_c)
    assert done.steady
    assert done.duration_s > warm_up(Heating(rise=1e-6, constant_s=60.0)).duration_s + 60
    assert max(each["hottest_c"] for each in done.rounds[-4:]) - done.rounds[-4]["hottest_c"] <= 1.0


def test_a_board_that_is_steady_is_warm_after_one_span():
    done = warm_up(Heating(rise=0.0, constant_s=1.0, noise=0.05), timed_s=3.0)
    assert done.steady and len(done.rounds) == 4
    assert done.duration_s == pytest.approx(3.0, rel=0.1)


def test_at_the_limit_it_says_what_still_changed():
    done = warm_up(Heating(rise=0.5, constant_s=300.0), most_s=60.0)
    assert done.steady is False
    (flag,) = done.flags()
    assert flag.startswith("not steady: after 60 s of warm-up the power still changed by +")


def test_a_limit_too_short_for_a_judgment_says_so():
    (flag,) = warm_up(Heating(rise=0.0, constant_s=1.0), most_s=10.0).flags()
    assert "there was no time for the 4 rounds of 7.5 s that it takes to tell; raise --steady-s" in flag


def test_all_calls_have_their_turns():
    counts = [0, 0]
    meter = Heating(rise=0.0, constant_s=1.0)

    def call(index):
        counts[index] += 1
        meter.call()

    warm_up_until_steady([lambda: call(0), lambda: call(1)], meter, 6.0, 60.0, lambda: None, meter.clock)
    assert counts[0] == pytest.approx(counts[1], abs=4) and counts[0] > 100


def test_without_a_meter_or_a_limit_nothing_is_run():
    meter = Heating(rise=0.2, constant_s=60.0)
    nobody = warm_up_until_steady([meter.call], NoPower("no meter here"), 3.0, 60.0, lambda: None, meter.clock)
    assert (nobody.steady, nobody.reason) == (None, "power is not measured: no meter here")
    assert warm_up(meter, most_s=0).reason == "not asked for (--steady-s 0)"
    assert meter.now_s == 0.0


def windows(powers_mw):
    return [Window(10, Reading({"VDD_IN": mw * 2.0}, 2.0, 0.0)) for mw in powers_mw]


def test_power_that_drifts_from_window_to_window_is_flagged():
    (flag,) = drift_flags(windows([6000 + 60 * turn for turn in range(8)]), ["VDD_IN"])
    assert flag.startswith("drifting: the power changed by +7.7 % during the run")
    assert drift_flags(windows([6000 + 10 * turn for turn in range(8)]), ["VDD_IN"]) == []  # 1.3 %


def test_scatter_without_a_direction_is_no_drift():
    draw = random.Random(0)
    flagged = sum(bool(drift_flags(windows([draw.gauss(6000, 600) for _ in range(8)]), ["VDD_IN"])) for _ in range(500))
    assert flagged <= 15  # of 500, at 99 %


def test_a_line_is_found_with_its_doubt():
    trend = trend_of([90.0, 101.0, 99.0, 110.0])
    assert trend.change == pytest.approx(4 * 5.8 / 100)
    # Residuals -1.3, 3.9, -3.9, 1.3: 33.8 / 2 / 5 is the slope's variance.
    assert trend.doubt == pytest.approx(student(2) * math.sqrt(33.8 / 2 / 5) * 4 / 100)


@pytest.mark.parametrize(("freedom", "quantile"), [(4, 4.604095), (8, 3.355387), (30, 2.749996)])
def test_the_99_percent_quantile_is_that_of_the_tables(freedom, quantile):
    assert student(freedom, 99) == pytest.approx(quantile, rel=0.013)


def test_the_hottest_zone_is_not_the_power_chip(tmp_path):
    for zone, (name, milli) in enumerate({"GPU-therm": 45500, "CPU-therm": 41000, "PMIC-Die": 100000}.items()):
        folder = tmp_path / f"class/thermal/thermal_zone{zone}"
        folder.mkdir(parents=True)
        (folder / "type").write_text(name + "\n")
        (folder / "temp").write_text(f"{milli}\n")
    assert hottest_zone_c(str(tmp_path)) == 45.5
    assert hottest_zone_c(str(tmp_path / "absent")) is None
