import os

import pytest

from edgesynth.benchmark.energy import energy_of
from edgesynth.benchmark.power import NoPower, Rapl, find
from edgesynth.benchmark.timing import Track, time_in_turn


def test_energy_is_the_difference_of_the_counter_in_millijoule(rails):
    rails.add("intel-rapl:0", "package-0", 1_000_000)
    meter = Rapl.find(rails.sysfs)
    meter.start()
    rails.set("intel-rapl:0", 1_250_500)
    assert meter.stop() == {"package-0": 250.5}


def test_the_counter_may_start_again_within_a_window(rails):
    rails.add("intel-rapl:0", "package-0", 999_000, range_uj=1_000_000)
    meter = Rapl.find(rails.sysfs)
    meter.start()
    rails.set("intel-rapl:0", 4_000)
    assert meter.stop() == {"package-0": 5.0}


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
    assert meter.reason == "no RAPL package found in {}".format(tmp_path / "class" / "powercap")


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


def test_energy_per_image_divides_by_the_images_of_the_window(rails):
    rails.add("intel-rapl:0", "package-0", 0)
    meter = Rapl.find(rails.sysfs)
    track = Track()
    track.rails_mj = {"package-0": 400.0, "package-1": 100.0}
    track.duration_s = 2.0
    energy = energy_of(meter, track, images=50)
    assert energy["per_image_mj"] == 10.0
    assert energy["images_per_joule"] == 100.0
    assert energy["mean_power_mw"] == 250.0
    assert energy["reason"] is None


def test_a_track_adds_up_the_energy_of_its_windows_and_of_nothing_else(rails):
    rails.add("intel-rapl:0", "package-0", 0)
    calls = []

    def burn():
        calls.append(1)
        rails.set("intel-rapl:0", 1000 * len(calls))  # 1 mJ a call

    (track,) = time_in_turn([burn], 1e-9, 0.0, Rapl.find(rails.sysfs))
    # Warm-up and settling calls burn as much, outside the windows.
    assert track.rails_mj == {"package-0": pytest.approx(float(len(track.latencies_ms)))}


def test_energy_without_a_meter_is_null_with_the_meters_reason():
    energy = energy_of(NoPower("no meter here"), Track(), images=50)
    assert (energy["per_image_mj"], energy["images_per_joule"]) == (None, None)
    assert energy["reason"] == "no meter here"


def test_a_counter_that_stands_still_is_not_zero_energy(rails):
    rails.add("intel-rapl:0", "package-0", 77)
    meter = Rapl.find(rails.sysfs)
    track = Track()
    track.window(lambda: None, 0.0, meter)
    energy = energy_of(meter, track, images=1)
    assert energy["per_image_mj"] is None
    assert "did not move" in energy["reason"]
