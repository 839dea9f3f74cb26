"""The sampler is a process: what happens where it dies, where the measuring process dies, and what it costs."""

import os
import re
import signal
import subprocess
import sys
import time

import pytest

from edgesynth.benchmark.bundle.bundle import open_target
from edgesynth.benchmark.measure.energy import energy_of
from edgesynth.benchmark.measure.run import measure
from edgesynth.benchmark.measure.settings import Settings
from edgesynth.benchmark.power import Ina3221, opened, rest, sampler
from edgesynth.benchmark.power.meter import UnreadableError
from edgesynth.benchmark.power.sampler import Sampler, spare_core
from edgesynth.benchmark.timing.timing import Track

from .conftest import REPOSITORY
from .sensors import Averaging, Sensors, nano, tx2

pytestmark = pytest.mark.slow

INA3221 = "edgesynth.benchmark.power.ina3221"


@pytest.fixture
def sensors(tmp_path):
    return Sensors(tmp_path / "sys")


def gone(pid, within_s=5.0):
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        try:
            with open(f"/proc/{pid}/stat") as file:
                if file.read().rpartition(")")[2].split()[0] == "Z":
                    return True
        except OSError:
            return True
        time.sleep(0.02)
    return False


def test_a_sampler_that_is_killed_gives_no_energy_and_says_so(sensors):
    nano(sensors)
    with opened(Ina3221.find(sensors.sysfs)) as meter:
        meter.start()
        os.kill(meter._sampler.process.pid, signal.SIGKILL)
        time.sleep(0.1)
        readings = [meter.stop()]
        meter.start()
        readings.append(meter.stop())
    for reading in readings:
        assert reading.rails_mj == {}
        assert reading.reason.startswith(
            "the power sampler ended by itself (signal 9 (SIGKILL: it was killed); the likely"
        )
        assert "too little memory" in reading.reason


def test_a_sampler_that_does_not_answer_is_given_up_and_ended(sensors, monkeypatch):
    nano(sensors)
    meter = Ina3221.find(sensors.sysfs)
    with opened(meter):
        # Not before: a loaded machine takes longer to start it.
        monkeypatch.setattr(sampler, "ANSWER_S", 0.2)
        pid = meter._sampler.process.pid
        meter.start()
        os.kill(pid, signal.SIGSTOP)
        assert meter.stop().reason == "the power sampler did not answer for 0.2 s"
    assert gone(pid)


def test_a_closed_meter_leaves_no_process(sensors):
    nano(sensors)
    with opened(Ina3221.find(sensors.sysfs)) as meter:
        pid = meter._sampler.process.pid
        assert not gone(pid, within_s=0.1)
    assert gone(pid)


def test_the_sampler_ends_with_the_process_that_wanted_it(sensors):
    nano(sensors)
    script = (
        "import sys, time\n"
        "from edgesynth.benchmark.power import Ina3221\n"
        "meter = Ina3221.find(sys.argv[1])\n"
        "meter.open()\n"
        "print(meter._sampler.process.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    command = [sys.executable, "-c", script, sensors.sysfs]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, env=dict(os.environ, PYTHONPATH=str(REPOSITORY))
    ) as measuring:
        pid = int(measuring.stdout.readline())
        measuring.kill()
    assert gone(pid)


def test_a_source_that_cannot_be_read_is_refused_at_the_start(tmp_path):
    with pytest.raises(UnreadableError, match=r"No such file or directory.*absent"):
        Sampler(INA3221, {"files": [[str(tmp_path / "absent")]]}, 0.02, None)


def test_the_spare_core_is_one_that_the_work_does_not_need():
    cores = os.sched_getaffinity(0)
    assert spare_core(len(cores)) is None
    assert spare_core(len(cores) - 1) == max(cores)


def test_a_window_with_too_few_values_is_refused_with_the_length_that_would_do(sensors):
    sensors.hwmon("1-0040", {"VDD_IN": 6000}, interval_ms=50)
    with opened(Ina3221.find(sensors.sysfs)) as meter:
        meter.start()
        time.sleep(0.22)
        reading = meter.stop()
    assert reading.rails_mj == {}
    # Of the cells of 50 ms three lie wholly within the window; the two at its ends may have their sample in it.
    assert re.match(r"ina3221 gave [34] values in a window of 0\.2", reading.reason)
    # 12 values of 50 ms, or a little more: the window had not a whole number of them.
    assert 0.6 <= reading.needed_s <= 0.95


def test_a_run_has_images_per_joule_of_the_total_of_the_gpu_and_above_idle(sensors, pristine_bundle):
    tx2(sensors)
    settings = Settings(duration_s=1.6, warm_up_s=0.0)
    meter = Ina3221.find(sensors.sysfs)
    result = measure(open_target(str(pristine_bundle)), precisions=["fp32"], settings=settings, meter=meter)
    (one,) = result["measurements"]
    energy = one["energy"]
    assert energy["reason"] is None
    assert energy["mean_power_mw"] == pytest.approx(7358)
    # The meter's window is longer than the calls in it by the time that the reading of two clocks takes.
    assert energy["images_per_joule"] == pytest.approx(one["throughput_images_per_s"] / 7.358, rel=0.01)
    assert energy["gpu"]["mean_power_mw"] == pytest.approx(2280)
    assert energy["idle_power_mw"] == pytest.approx(7358)
    assert energy["above_idle"] is None  # the tree shows the same power at rest and under load
    assert len(energy["windows"]) == 6
    assert sum(window["images"] for window in energy["windows"]) == len(one["samples_ms"])
    assert all(len(window["samples"]) >= 10 for window in energy["windows"])
    assert (result["power"]["meter"], result["power"]["running_mode"]) == ("ina3221", 0)
    assert result["settings"]["idle_s"] == 1.6
    assert result["warm_up"]["steady"] is True and len(result["warm_up"]["rounds"]) == 4
    assert [round(each["power_mw"]) for each in result["warm_up"]["rounds"]] == [7358] * 4


def test_a_sensor_that_averages_tells_nothing_of_what_ran_before_the_window(sensors):
    sensors.hwmon("1-0040", {"VDD_IN": 2000}, interval_ms=60)
    power_mw = [2000]

    def work():
        power_mw[0] = 6000
        time.sleep(0.005)

    track = Track()
    with Averaging(sensors, "VDD_IN", lambda: power_mw[0], 0.06), opened(Ina3221.find(sensors.sysfs)) as meter:
        idle = rest(meter, 0.8)
        for _ in range(5):
            power_mw[0] = 2000  # another model's turn
            time.sleep(0.15)
            track.window(work, 0.8, meter)
    energy = energy_of(meter, track, batch=1, idle=idle)
    assert energy["reason"] is None
    assert energy["mean_power_mw"] == pytest.approx(6000, rel=0.01)
    assert energy["idle_power_mw"] == pytest.approx(2000, rel=0.01)
    assert energy["above_idle"]["mean_power_mw"] == pytest.approx(4000, rel=0.02)


def test_a_run_too_short_for_the_sensor_is_measured_without_energy(sensors, pristine_bundle):
    sensors.iio("0-0041", {"VDD_IN": 7358}, mode=1)
    meter = Ina3221.find(sensors.sysfs)
    settings = Settings(duration_s=0.1, warm_up_s=0.0)
    result = measure(open_target(str(pristine_bundle)), precisions=["fp32"], settings=settings, meter=meter)
    energy = result["measurements"][0]["energy"]
    assert energy["images_per_joule"] is None
    assert "a new value every 422 ms); use --duration-s 31 or more" in energy["reason"]
