"""A sensor's own error, which stands beside the interval."""

import pytest

from edgesynth.benchmark.measure.energy import energy_of
from edgesynth.benchmark.power import Ina3221, Nvml, Rapl, Reading
from edgesynth.benchmark.power.accuracy import of_ina3221, sampled_share
from edgesynth.benchmark.result.energy_lines import energy_lines
from edgesynth.benchmark.timing.timing import Track, Window

from .sensors import Sensors


def track_of(rail, energies_mj):
    track = Track()
    track.windows = [Window(10, Reading({rail: mj}, 1.0, 0.0)) for mj in energies_mj]
    return track


def test_the_error_of_an_ina3221_is_that_of_its_data_sheet_and_its_resistor(tmp_path):
    sensors = Sensors(tmp_path / "sys")
    sensors.hwmon("1-0040", {"VDD_IN": 8000}, shunt_uohm=5000)  # at 5 V
    energy = energy_of(Ina3221.find(sensors.sysfs), track_of("VDD_IN", [8000.0] * 5), batch=1)
    error = energy["sensor_error"]
    # Gain 0.25 + 0.25 %, resistor 1 %, bus offset 16 mV of 5 V; 80 uV across 5 mOhm are 16 mA, at 5 V 80 mW.
    assert error["gain_percent"] == pytest.approx(0.5 + 1.0 + 0.32)
    assert error["offset_mw"] == pytest.approx(80.0)
    assert error["percent"] == pytest.approx(1.82 + 100 * 80 / 8000)
    (line,) = energy_lines([{"precision": "fp32", "batch": 1, "energy": energy}], {})
    assert line.startswith("beside the interval, the sensor (ina3221) itself may be off by 2.8 % (TI SBOS576")


def test_offsets_of_several_rails_add_up():
    assert of_ina3221([(5000.0, 5000.0), (20000.0, 10000.0)]).offset_mw == pytest.approx(80 + 160)


def test_what_the_driver_does_not_tell_is_left_out_and_named():
    accuracy = of_ina3221([(None, None)])
    assert (accuracy.percent, accuracy.offset_mw) == (1.5, 0.0)
    assert accuracy.source.endswith(
        "without the bus offset, for the voltage is not told; without the shunt offset of 80 uV, for the driver does "
        "not tell the shunt"
    )


def test_a_sensor_of_which_nobody_tells_has_no_figure(rails):
    rails.add("intel-rapl:0", "package-0", 0)
    energy = energy_of(Rapl.find(rails.sysfs), track_of("package-0", [100.0] * 5), batch=1)
    assert energy["sensor_error"]["percent"] is None
    (line,) = energy_lines([{"precision": "fp32", "batch": 1, "energy": energy}], {})
    assert line.startswith("the sensor's own error (rapl) is in no interval: no manufacturer's figure")


@pytest.mark.parametrize(
    ("gpu", "share"),
    [
        ("NVIDIA A100-SXM4-80GB", 0.25),
        ("NVIDIA H100 PCIe", 0.25),
        ("NVIDIA H200", 0.25),
        ("NVIDIA GeForce RTX 4090", None),
        ("Tesla V100-SXM2-16GB", None),
        ("NVIDIA A10", None),
        ("NVIDIA RTX A1000", None),
    ],
)
def test_gpus_that_are_sampled_a_part_of_the_time_are_known_by_name(gpu, share):
    assert sampled_share(gpu) == share


def test_a_part_time_sensor_says_so():
    meter = Nvml("none.so", "0", "NVIDIA H100 PCIe")
    (flag,) = meter.flags()
    assert flag.startswith("part-time sensor: the power of this GPU (NVIDIA H100 PCIe) is sampled 25 % of the time")
    assert meter.describe()["sampled_share"] == 0.25
    assert Nvml("none.so", "0", "NVIDIA GeForce RTX 4090").flags() == []
    assert meter.accuracy.at(100e3)["percent"] == 5.0
