import math
import os
import statistics

import pytest

from edgesynth.benchmark.measure.energy import energy_of, half_width_95, plan_energy
from edgesynth.benchmark.power import Ina3221, NoPower, Rapl, Reading, find
from edgesynth.benchmark.timing.timing import Track, Window, time_interleaved

from .sensors import Sensors


def test_energy_is_the_difference_of_the_counter_in_millijoule(rails):
    rails.add("intel-rapl:0", "package-0", 1_000_000)
    meter = Rapl.find(rails.sysfs)
    meter.start()
    rails.set("intel-rapl:0", 1_250_500)
    assert meter.stop().rails_mj == {"package-0": 250.5}


def test_the_counter_may_start_again_within_a_window(rails):
    rails.add("intel-rapl:0", "package-0", 999_000, range_uj=1_000_000)
    meter = Rapl.find(rails.sysfs)
    meter.start()
    rails.set("intel-rapl:0", 4_000)
    assert meter.stop().rails_mj == {"package-0": 5.0}


@pytest.mark.parametrize("when", ["before", "within"])
def test_a_counter_that_goes_away_is_a_reason_and_no_crash(rails, when):
    rails.add("intel-rapl:0", "package-0", 1_000_000)
    meter = Rapl.find(rails.sysfs)
    counter = rails.root / "intel-rapl:0" / "energy_uj"
    if when == "before":
        counter.unlink()
    meter.start()
    counter.unlink(missing_ok=True)
    reading = meter.stop()
    assert reading.rails_mj == {} and reading.misses == 1 and "energy_uj" in reading.reason


def test_only_packages_are_counted(rails):
    rails.add("intel-rapl:0", "package-0", 0)
    rails.add("intel-rapl:0:0", "core", 0)  # within package-0
    rails.add("intel-rapl:0:1", "dram", 0)
    rails.add("intel-rapl:1", "package-1", 0)
    rails.add("intel-rapl:2", "psys", 0)  # the whole board, packages included
    rails.add("intel-rapl-mmio:0", "package-0", 0)  # package-0 once more
    assert Rapl.find(rails.sysfs).rails == ["package-0", "package-1"]


def test_a_machine_without_rapl_has_a_meter_that_says_so(tmp_path):
    meter = find(str(tmp_path))
    assert meter.name == "none"
    assert meter.reason == "no INA3221 found in {}; no RAPL package found in {}".format(
        tmp_path / "bus/i2c/drivers", tmp_path / "class" / "powercap"
    )


def test_a_readable_tree_is_found(rails):
    rails.add("intel-rapl:0", "package-0", 5)
    assert find(rails.sysfs).name == "rapl"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_counter_for_root_only_is_named_with_the_remedy(rails):
    rails.add("intel-rapl:0", "package-0", 5)
    (rails.root / "intel-rapl:0" / "energy_uj").chmod(0)
    assert "chmod a+r" in find(rails.sysfs).reason


def test_a_broken_counter_is_a_reason_not_a_crash(rails):
    rails.add("intel-rapl:0", "package-0", "not a number")
    assert "intel-rapl:0 cannot be read" in find(rails.sysfs).reason


def track_of(*windows):
    """A track with these windows: (calls, mJ of each rail) of one second each."""
    track = Track()
    track.windows = [Window(calls, Reading(rails_mj, 1.0, 0.0)) for calls, rails_mj in windows]
    return track


def test_energy_per_image_divides_by_the_images_of_the_windows(rails):
    rails.add("intel-rapl:0", "package-0", 0)
    rails.add("intel-rapl:1", "package-1", 0)
    track = track_of(*[(25, {"package-0": 400.0, "package-1": 100.0})] * 5)
    energy = energy_of(Rapl.find(rails.sysfs), track, batch=2)
    assert energy["per_image_mj"] == 10.0
    assert energy["images_per_joule"] == 100.0
    assert energy["images_per_joule_95"] == [100.0, 100.0]
    assert energy["mean_power_mw"] == 500.0
    assert energy["rails_mj"] == {"package-0": 2000.0, "package-1": 500.0}
    assert energy["reason"] is None


def test_the_interval_is_students_of_the_windows_ratios(rails):
    rails.add("intel-rapl:0", "package-0", 0)
    energies_mj = [95.0, 100.0, 105.0, 98.0, 102.0]
    energy = energy_of(Rapl.find(rails.sysfs), track_of(*[(10, {"package-0": mj}) for mj in energies_mj]), batch=1)
    half_mj = 2.7764 * statistics.stdev(energies_mj) / math.sqrt(5) / 10
    assert energy["images_per_joule_95"] == pytest.approx([1e3 / (10 + half_mj), 1e3 / (10 - half_mj)], rel=1e-3)


def test_windows_of_more_images_and_as_much_more_energy_do_not_widen_the_interval():
    assert half_width_95([100.0, 200.0, 50.0], [10.0, 20.0, 5.0]) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(("freedom", "quantile"), [(4, 2.776445), (9, 2.262157), (30, 2.042272), (1000, 1.962339)])
def test_the_quantile_of_student_is_that_of_the_tables(freedom, quantile):
    # Of the values 1, 0, 0, ... the half width is the quantile over the count.
    count = freedom + 1
    assert half_width_95([1.0] + [0.0] * freedom, [1.0] * count) * count == pytest.approx(quantile, rel=0.003)


def test_the_sensors_own_pace_is_seen_where_its_values_change(rails):
    rails.add("intel-rapl:0", "package-0", 0)
    # Looked at every 50 ms, new every 150 ms; two rails, of which one stands still.
    samples = tuple((0.05 * i, 7000.0, 2000.0 + i // 3) for i in range(20))
    track = Track()
    track.windows = [Window(10, Reading({"package-0": 100.0}, 1.0, 0.0, samples))] * 5
    energy = energy_of(Rapl.find(rails.sysfs), track, batch=1)
    assert energy["seen_period_s"] == pytest.approx(0.15)


def test_four_windows_are_too_few_for_a_figure(rails):
    rails.add("intel-rapl:0", "package-0", 0)
    energy = energy_of(Rapl.find(rails.sysfs), track_of(*[(10, {"package-0": 100.0})] * 4), batch=1)
    assert energy["images_per_joule"] is None
    assert energy["reason"] == "4 windows were measured and at least 5 are needed; raise --duration-s"


def test_energies_that_scatter_beyond_their_mean_are_no_figure(rails):
    rails.add("intel-rapl:0", "package-0", 0)
    track = track_of(*[(10, {"package-0": mj}) for mj in (0.0, 0.0, 0.0, 0.0, 500.0)])
    energy = energy_of(Rapl.find(rails.sysfs), track, batch=1)
    assert energy["images_per_joule"] is None
    assert "cannot be told from nothing" in energy["reason"]


def test_idle_power_is_taken_away_beside_the_headline_not_from_it(rails):
    rails.add("intel-rapl:0", "package-0", 0)
    idle = Reading({"package-0": 120.0}, 2.0, 0.0)  # 60 mW
    energy = energy_of(Rapl.find(rails.sysfs), track_of(*[(10, {"package-0": 100.0})] * 5), batch=1, idle=idle)
    assert (energy["images_per_joule"], energy["idle_power_mw"]) == (100.0, 60.0)
    assert energy["above_idle"]["images_per_joule"] == pytest.approx(250.0)


@pytest.mark.parametrize(
    ("idle", "reason"),
    [
        (None, "idle power was not asked for (--idle-s 0)"),
        (Reading({}, 1.0, 0.0, reason="too few", needed_s=4.0), "not measured: too few; use --idle-s 4 or more"),
        (Reading({"package-0": 200.0}, 1.0, 0.0), "cannot be told from nothing"),  # more than under load
    ],
)
def test_above_idle_without_an_idle_power_is_null_with_its_reason(rails, idle, reason):
    rails.add("intel-rapl:0", "package-0", 0)
    energy = energy_of(Rapl.find(rails.sysfs), track_of(*[(10, {"package-0": 100.0})] * 5), batch=1, idle=idle)
    assert (energy["images_per_joule"], energy["above_idle"]) == (100.0, None)
    assert reason in energy["above_idle_reason"]


def test_windows_have_the_energy_of_their_calls_and_of_nothing_else(rails):
    rails.add("intel-rapl:0", "package-0", 0)
    calls = []

    def burn():
        calls.append(1)
        rails.set("intel-rapl:0", 1000 * len(calls))  # 1 mJ a call

    (track,) = time_interleaved([burn], 1e-9, 0.0, Rapl.find(rails.sysfs))
    # Warm-up and settling calls burn as much, outside the windows.
    assert [one.reading.rails_mj for one in track.windows] == [{"package-0": 1.0}] * len(track.latencies_ms)


def test_a_run_too_short_for_the_meter_names_the_duration_that_would_do(rails):
    rails.add("intel-rapl:0", "package-0", 0)
    plan = plan_energy(Rapl.find(rails.sysfs), 0.5, None)
    assert "use --duration-s 1 or more" in plan.meter.reason
    assert plan_energy(Rapl.find(rails.sysfs), 1.0, None).meter.reason is None


@pytest.mark.parametrize("duration_s", [30.5, 31.0, 45.0, 60.0, 61.7, 200.0])
def test_no_window_of_a_plan_is_shorter_than_the_sensor_needs(tmp_path, duration_s):
    sensors = Sensors(tmp_path / "sys")
    sensors.iio("0-0041", {"VDD_IN": 7358}, mode=1)
    meter = Ina3221.find(sensors.sysfs)
    window_s = plan_energy(meter, duration_s, None).window_s
    turns = 2 * max(2, math.ceil(duration_s / window_s / 2))  # as time_interleaved counts them
    assert 6 <= turns <= 10
    assert duration_s / turns >= meter.least_window_s
    assert "use --duration-s 31 or more" in plan_energy(meter, 30.0, None).meter.reason


def test_the_shortest_duration_that_is_accepted_has_its_six_windows(tmp_path):
    for interval_ms in range(5, 60):
        sensors = Sensors(tmp_path / str(interval_ms))
        sensors.hwmon("1-0040", {"VDD_IN": 6000}, interval_ms=interval_ms)
        meter = Ina3221.find(sensors.sysfs)
        duration_s = 6 * meter.least_window_s
        assert math.ceil(duration_s / plan_energy(meter, duration_s, None).window_s) == 6


def test_energy_without_a_meter_is_null_with_the_meters_reason():
    energy = energy_of(NoPower("no meter here"), Track(), batch=1)
    assert (energy["per_image_mj"], energy["images_per_joule"]) == (None, None)
    assert energy["reason"] == "no meter here"


def test_a_counter_that_stands_still_is_not_zero_energy(rails):
    rails.add("intel-rapl:0", "package-0", 77)
    meter = Rapl.find(rails.sysfs)
    track = Track()
    for _ in range(5):
        track.window(lambda: None, 0.0, meter)
    energy = energy_of(meter, track, batch=1)
    assert energy["per_image_mj"] is None
    assert "showed no energy" in energy["reason"]
