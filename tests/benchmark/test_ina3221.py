"""INA3221 on trees of files as the boards have them."""

import os
import time

import pytest

from edgesynth.benchmark.power import Ina3221, find, opened
from edgesynth.benchmark.power.meter import UnreadableError

from .sensors import BOARDS, Sensors, Wave, agx_orin, agx_thor, agx_xavier, nano, orin_nano, tx1, tx2


@pytest.fixture
def sensors(tmp_path):
    return Sensors(tmp_path / "sys")


def window(meter, duration_s):
    with opened(meter) as meter:
        meter.start()
        time.sleep(duration_s)
        return meter.stop()


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.__name__)
def test_the_total_of_each_board_is_its_input_or_else_all_its_rails(sensors, board):
    total, gpu = board(sensors)
    meter = find(sensors.sysfs)
    assert (meter.name, list(meter.total_rails), meter.gpu_rail) == ("ina3221", total, gpu)


def test_the_dram_of_an_agx_orin_is_inside_of_its_5_v_input_and_counted_once(sensors):
    agx_orin(sensors)
    meter = Ina3221.find(sensors.sysfs)
    reading = window(meter, 0.5)
    total_mj = sum(reading.rails_mj[rail] for rail in meter.total_rails)
    assert total_mj == pytest.approx((4000 + 1000 + 3000) * reading.duration_s)
    assert reading.rails_mj["VDDQ_VDD2_1V8AO"] == pytest.approx(500 * reading.duration_s)
    assert meter.describe()["part_of"] == {"VDDQ_VDD2_1V8AO": "VIN_SYS_5V0"}
    assert meter.scope == (
        "the whole module, measured at VDD_GPU_SOC + VDD_CPU_CV + VIN_SYS_5V0; idle power is not subtracted"
    )


def test_the_total_of_a_thor_is_its_carrier_s_input_and_says_so(sensors):
    agx_thor(sensors)
    meter = Ina3221.find(sensors.sysfs)
    assert meter.rails == ["VIN", "VDD_GPU"] and meter.describe()["part_of"] == {"VDD_GPU": "VIN"}
    assert meter.scope.startswith("the whole board with its carrier, measured at VIN; ")


# Of both drivers, and with a total of several rails.
@pytest.mark.parametrize("board", [tx2, agx_xavier, agx_orin], ids=lambda board: board.__name__)
def test_a_swinging_load_is_integrated_within_1_percent(sensors, board):
    total, _ = board(sensors)
    with Wave(sensors, total[0], mean_mw=4000, swing_mw=1500, period_s=0.7) as wave:
        reading = window(Ina3221.find(sensors.sysfs), 1.2)
    assert wave.shown[0][0] < reading.begin_s
    assert reading.reason is None
    exact_mj = wave.energy_mj(reading.begin_s, reading.begin_s + reading.duration_s)
    assert reading.rails_mj[total[0]] == pytest.approx(exact_mj, rel=0.01)


def test_a_constant_load_has_the_energy_of_power_times_time(sensors):
    tx2(sensors)
    reading = window(Ina3221.find(sensors.sysfs), 0.5)
    assert reading.rails_mj["VDD_IN"] == pytest.approx(7358 * reading.duration_s)
    assert reading.rails_mj["VDD_SYS_GPU"] == pytest.approx(2280 * reading.duration_s)
    assert set(reading.rails_mj) == {"VDD_IN", "VDD_SYS_GPU"}
    # The raw samples are there: before the window one, then one about every 20 ms with the two rails.
    assert reading.samples[0][0] <= 0 < reading.samples[1][0]
    assert {sample[1:] for sample in reading.samples} == {(7358, 2280)}


def test_in_continuous_mode_the_period_is_that_of_the_drivers_averages(sensors):
    tx2_folder = sensors.iio("0-0041", {"VDD_IN": 7358}, mode=1)
    meter = Ina3221.find(sensors.sysfs)
    assert meter.period_s == pytest.approx(0.4224)
    assert meter.describe()["running_mode"] == 1
    (tx2_folder / "running_mode").write_text("0\n")
    assert Ina3221.find(sensors.sysfs).describe()["running_mode"] == 0
    assert Ina3221.find(sensors.sysfs).period_s == 0.02


def test_hwmon_tells_its_own_period(sensors):
    sensors.hwmon("1-0040", {"VDD_IN": 6000}, interval_ms=140)
    assert Ina3221.find(sensors.sysfs).period_s == 0.14


def test_hwmon_tells_how_many_conversions_a_value_is_the_mean_of(sensors):
    sensors.hwmon("1-0040", {"VDD_IN": 6000}, averages=16, shunt_uohm=5000)
    described = Ina3221.find(sensors.sysfs).describe()
    assert (described["averages"], described["voltage_mv"], described["shunt_uohm"]) == (16, [5000.0], [5000.0])


def test_a_driver_that_does_not_tell_it_has_none(sensors):
    tx2(sensors)
    described = Ina3221.find(sensors.sysfs).describe()
    assert (described["averages"], described["voltage_mv"], described["shunt_uohm"]) == (None, [None], [None])


def test_a_device_under_both_its_names_is_one(sensors):
    tx1(sensors)
    folder = sensors.root / "bus/i2c/drivers/ina3221x/1-0040"
    (folder / "iio:device0").symlink_to(folder / "iio_device")
    assert Ina3221.find(sensors.sysfs).rails == ["VDD_IN", "VDD_GPU"]


def test_parts_without_a_total_are_refused_and_named(sensors):
    sensors.iio("1-0040", {"GPU": 3000, "CPU": 1500, "SOC": 2000})  # an AGX Xavier of which one sensor is missing
    with pytest.raises(UnreadableError, match=r"INA3221 shows CPU, GPU, SOC and none of the totals .*POM_5V_IN; VDD_"):
        Ina3221.find(sensors.sysfs)


@pytest.mark.parametrize("text", ["", "garbage", "7358 mW\x00", "-"])
def test_a_total_that_is_no_number_is_refused_with_its_file(sensors, text):
    nano(sensors)
    sensors.set(POM_5V_IN=text)
    with pytest.raises(UnreadableError, match=r"in_power0_input holds .* and no whole number"):
        Ina3221.find(sensors.sysfs)


def test_a_rail_without_its_file_is_refused_with_the_path(sensors):
    orin_nano(sensors)
    (sensors.root / "bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon3/curr1_input").unlink()
    with pytest.raises(UnreadableError, match=r"No such file.*curr1_input"):
        Ina3221.find(sensors.sysfs)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_rail_that_may_not_be_read_is_refused_with_the_path(sensors):
    nano(sensors)
    (sensors.root / "bus/i2c/drivers/ina3221x/6-0040/iio_device/in_power0_input").chmod(0)
    with pytest.raises(UnreadableError, match=r"Permission denied.*in_power0_input"):
        Ina3221.find(sensors.sysfs)


def test_a_sensor_that_turns_to_garbage_gives_no_energy_and_says_what_it_said(sensors):
    nano(sensors)
    meter = Ina3221.find(sensors.sysfs)
    with opened(meter) as meter:
        meter.start()
        time.sleep(0.4)
        sensors.set(POM_5V_IN="garbage")
        time.sleep(0.4)
        reading = meter.stop()
    assert reading.rails_mj == {}
    assert reading.misses >= 10
    assert "ina3221 was not read for 0.4" in reading.reason
    assert "holds 'garbage' and no whole number" in reading.reason


def test_a_value_that_is_missed_now_and_then_is_bridged(sensors):
    nano(sensors)
    with opened(Ina3221.find(sensors.sysfs)) as meter:
        meter.start()
        time.sleep(0.4)
        sensors.set(POM_5V_IN="garbage")
        time.sleep(0.1)
        sensors.set(POM_5V_IN=5800)
        time.sleep(0.4)
        reading = meter.stop()
    assert reading.misses >= 2
    assert reading.rails_mj["POM_5V_IN"] == pytest.approx(5800 * reading.duration_s)
