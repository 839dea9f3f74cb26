"""What changes in the world during a run is seen, and only that."""

import os

import pytest

from edgesynth.benchmark.bundle.bundle import open_target
from edgesynth.benchmark.conditions import watch
from edgesynth.benchmark.measure.run import measure
from edgesynth.benchmark.measure.settings import Settings

QUICK = Settings(duration_s=0.02, warm_up_s=0.0)


class World:
    """A sysfs tree."""

    def __init__(self, root):
        self.root = root

    def write(self, path, value):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{value}\n")


CPU = "devices/system/cpu/cpu{}/cpufreq/scaling_cur_freq"
GPU = "class/devfreq/{}/cur_freq"
TX2, NANO, XAVIER = "17000000.gp10b", "57000000.gpu", "17000000.gv11b"
ORIN, ORIN_6, THOR = "17000000.ga10b", "17000000.gpu", "gpu-gpc-0"  # Orin with JetPack 5 and with 6
EMC = "kernel/debug/bpmp/debug/clk/emc/rate"


@pytest.fixture
def world(tmp_path):
    """A Jetson TX2 at rest with locked clocks."""
    world = World(tmp_path / "sys")
    for core in sorted(os.sched_getaffinity(0)):
        world.write(CPU.format(core), 2035200)
    world.write(GPU.format(TX2), 1300500000)
    world.write(f"class/devfreq/{TX2}/device/load", 0)
    world.write("class/thermal/cooling_device0/type", "pwm-fan")
    world.write("class/thermal/cooling_device0/cur_state", 3)
    world.write("class/thermal/cooling_device1/type", "gpu-balanced")
    world.write("class/thermal/cooling_device1/cur_state", 0)
    for zone, (name, temp) in enumerate({"GPU-therm": 45500, "PMIC-Die": 100000}.items()):
        world.write(f"class/thermal/thermal_zone{zone}/type", name)
        world.write(f"class/thermal/thermal_zone{zone}/temp", temp)
    return world


def _watch(world, device="gpu"):
    return watch(device, str(world.root), library="libabsent.so")


def test_a_board_that_stays_as_it_is_has_no_flags_and_its_clocks_are_recorded(world):
    conditions = _watch(world)
    conditions.look()
    conditions.look()
    assert conditions.flags() == []
    seen = conditions.describe()
    same = {"before": 1300.5, "least": 1300.5, "most": 1300.5, "after": 1300.5}
    assert (seen["gpu_clock_mhz"], seen["cpu_clock_mhz"]["most"]) == (same, 2035.2)
    assert seen["hottest_c"] == {"before": 45.5, "most": 45.5}  # not the 100 of the power chip
    assert seen["gpu_load_before_percent"] == 0
    memory, processes = seen["unseen"]
    assert memory.startswith("clock of the memory (on a Jetson: EMC): no NVML found") and "only root may look" in memory
    assert processes.startswith("other processes on the GPU: no NVML found (libabsent.so")


@pytest.mark.parametrize("gpu", [TX2, NANO, XAVIER, ORIN, ORIN_6, THOR])
def test_a_gpu_that_steps_down_one_clock_is_seen_on_every_board(world, gpu):
    if gpu != TX2:
        (world.root / f"class/devfreq/{TX2}").rename(world.root / f"class/devfreq/{gpu}")
    conditions = _watch(world)
    conditions.look()
    world.write(GPU.format(gpu), 1122000000)
    conditions.look()
    (flag,) = conditions.flags()
    assert flag.startswith("clocks changed: the GPU's was between 1122 and 1300 MHz during the run; lock it")


def test_a_cpu_that_steps_up_is_seen_and_a_jitter_is_not(world):
    core = max(os.sched_getaffinity(0))
    conditions = _watch(world, "cpu")
    conditions.look()
    world.write(CPU.format(core), 2060000)
    conditions.look()
    assert conditions.flags() == []
    world.write(CPU.format(core), 2188800)
    conditions.look()
    assert conditions.flags()[0].startswith("clocks changed: the CPU's was between 2035 and 2189 MHz")
    assert "gpu_clock_mhz" not in conditions.describe()


def test_a_clock_that_rises_from_rest_before_the_run_has_not_changed_in_it(world):
    world.write(GPU.format(TX2), 114750000)
    conditions = _watch(world)
    world.write(GPU.format(TX2), 1300500000)
    conditions.look()
    assert conditions.flags() == []
    assert conditions.describe()["gpu_clock_mhz"]["before"] == 114.75


def test_cooling_that_holds_the_gpu_back_is_seen_and_a_fan_is_not(world):
    conditions = _watch(world)
    conditions.look()
    world.write("class/thermal/cooling_device1/cur_state", 2)
    conditions.look()
    world.write("class/thermal/cooling_device1/cur_state", 0)
    conditions.look()
    (flag,) = conditions.flags()
    assert flag.startswith("throttled: cooling by gpu-balanced; ")


def test_counters_that_rise_during_the_run_are_seen_and_older_events_are_not(world):
    world.write("class/hwmon/hwmon4/name", "soctherm_oc")
    world.write("class/hwmon/hwmon4/oc2_event_cnt", 15)
    world.write("class/hwmon/hwmon4/oc3_event_cnt", 37)
    world.write("class/hwmon/hwmon5/name", "other")
    world.write("class/hwmon/hwmon5/oc1_event_cnt", 0)
    world.write("devices/system/cpu/cpu0/thermal_throttle/core_throttle_count", 7)
    conditions = _watch(world)
    conditions.look()
    assert conditions.flags() == []
    world.write("class/hwmon/hwmon4/oc3_event_cnt", 38)
    world.write("class/hwmon/hwmon5/oc1_event_cnt", 1)
    world.write("devices/system/cpu/cpu0/thermal_throttle/core_throttle_count", 8)
    conditions.look()
    (flag,) = conditions.flags()
    assert flag.startswith("throttled: heat of the processor, over-current alarm oc3; ")


def test_load_on_a_board_s_gpu_before_the_run_is_another_process(world):
    world.write(f"class/devfreq/{TX2}/device/load", 412)
    conditions = _watch(world)
    world.write(f"class/devfreq/{TX2}/device/load", 990)
    conditions.look()
    (flag,) = conditions.flags()
    assert flag.startswith("GPU shared: its load was 41 % before the run; ")


def test_what_is_not_there_is_named_and_nothing_is_flagged(tmp_path):
    conditions = watch("gpu", str(tmp_path / "empty"), library="libabsent.so")
    conditions.look()
    assert conditions.flags() == []
    assert [line.split(":")[0] for line in conditions.describe()["unseen"]] == [
        "clock of the CPU",
        "throttling",
        "temperature",
        "clock of the GPU",
        "clock of the memory (on a Jetson",
        "other processes on the GPU",
        "load of the GPU",
    ]


def test_files_that_hold_garbage_are_as_if_they_were_not_there(world):
    conditions = _watch(world)
    for file in (GPU.format(TX2), "class/thermal/cooling_device1/cur_state", "class/thermal/thermal_zone0/temp"):
        world.write(file, "<unsupported>")
    conditions.look()
    assert conditions.flags() == []
    seen = conditions.describe()
    assert seen["gpu_clock_mhz"] is None
    assert any(line.startswith("clock of the GPU: ") and line.endswith("cannot be read") for line in seen["unseen"])


@pytest.fixture
def orin_6(world):
    """An AGX Orin with JetPack 6: NVML opens there, and the clocks are where Linux has them."""
    (world.root / f"class/devfreq/{TX2}").rename(world.root / f"class/devfreq/{ORIN_6}")
    for name in ("min_freq", "max_freq"):
        world.write(f"class/devfreq/{ORIN_6}/{name}", 1300500000)
    world.write(EMC, 3199000000)
    return world


def test_where_nvml_opens_and_supports_nothing_each_quantity_comes_from_sysfs(orin_6, nvml):
    orin_6.write(f"class/devfreq/{ORIN_6}/device/load", 380)
    conditions = watch("gpu", str(orin_6.root), library=nvml("-DJETPACK6"))
    conditions.look()
    seen = conditions.describe()
    assert (seen["gpu_clock_mhz"]["most"], seen["memory_clock_mhz"]["most"]) == (1300.5, 3199.0)
    assert seen["gpu_limits_mhz"] == {"least_mhz": 1300.5, "most_mhz": 1300.5, "locked": True}
    assert [flag.split(";")[0] for flag in conditions.flags()] == ["GPU shared: its load was 38 % before the run"]
    form = "{}: NVML's {} fails: Not Supported (3)"
    assert seen["unseen"] == [
        form.format("reasons for a lower clock of the GPU", "nvmlDeviceGetCurrentClocksThrottleReasons"),
        form.format("other processes on the GPU", "nvmlDeviceGetComputeRunningProcesses_v3"),
    ]


def test_where_nvml_supports_nothing_and_sysfs_shows_nothing_each_quantity_is_named_with_both_reasons(tmp_path, nvml):
    conditions = watch("gpu", str(tmp_path / "empty"), library=nvml("-DJETPACK6"))
    conditions.look()
    seen = conditions.describe()
    assert None not in [value for name, value in seen.items() if name.endswith("_mhz")]
    of_gpu = [line for line in seen["unseen"] if "GPU" in line or "memory" in line]
    assert [line.split(":")[0] for line in of_gpu] == [
        "clock of the GPU",
        "clock of the memory (on a Jetson",
        "reasons for a lower clock of the GPU",
        "other processes on the GPU",
        "load of the GPU",
    ]
    assert "Not Supported (3); " in of_gpu[0] and "class/devfreq has none of a Jetson" in of_gpu[0]


@pytest.mark.parametrize(
    "path",
    [
        "kernel/debug/clk/override.emc/clk_rate",  # TX1
        "kernel/debug/clk/emc/clk_rate",  # TX2
        "kernel/debug/bpmp/debug/clk/emc/rate",
        "class/devfreq/bwmgr/cur_freq",  # Thor
    ],
)
@pytest.mark.parametrize("device", ["cpu", "gpu"])
def test_the_clock_of_a_board_s_memory_is_watched_where_it_can_be_read(world, path, device):
    world.write(path, 1600000000)
    conditions = _watch(world, device)
    conditions.look()
    world.write(path, 1331200000)
    conditions.look()
    (flag,) = conditions.flags()
    assert flag.startswith("clocks changed: the memory's was between 1331 and 1600 MHz during the run; lock it")
    assert not any("memory" in line for line in conditions.describe()["unseen"])


def test_a_gpu_whose_clock_may_move_is_flagged_before_it_does(orin_6):
    orin_6.write(f"class/devfreq/{ORIN_6}/min_freq", 306000000)
    conditions = _watch(orin_6)
    conditions.look()
    (flag,) = conditions.flags()
    assert flag.startswith("clocks not locked: the GPU's may be between 306 and 1300 MHz; lock it: sudo jetson_clocks")


def test_a_power_mode_that_is_changed_during_the_run_is_seen_by_the_gpu_s_limit(orin_6):
    conditions = _watch(orin_6)
    orin_6.write(f"class/devfreq/{ORIN_6}/max_freq", 612000000)
    conditions.look()
    (flag,) = conditions.flags()
    assert flag.startswith(
        "clocks changed: the GPU's highest was 1300 MHz before the run and is 612 MHz, by heat or by"
    )


def test_nvml_tells_clock_slowdown_and_processes(tmp_path, nvml, monkeypatch):
    monkeypatch.setenv("STANDIN_PIDS", str(os.getpid()))
    conditions = watch("gpu", str(tmp_path / "empty"), library=nvml())
    monkeypatch.setenv("STANDIN_SLOW", "1")  # at rest
    conditions.look()
    assert conditions.flags() == []
    assert (conditions.describe()["gpu_clock_mhz"]["before"], conditions.describe()["other_gpu_processes"]) == (1980, 0)
    assert conditions.describe()["memory_clock_mhz"]["most"] == 3201
    monkeypatch.setenv("STANDIN_SLOW", "44")
    monkeypatch.setenv("STANDIN_MHZ", "1410")
    monkeypatch.setenv("STANDIN_PIDS", f"31,{os.getpid()},32")
    conditions.look()
    assert [flag.split(";")[0] for flag in conditions.flags()] == [
        "clocks changed: the GPU's was between 1410 and 1980 MHz during the run",
        "throttled: heat, by hardware, power cap",
        "GPU shared: 2 other processes computed on it",
    ]


def test_in_a_container_the_one_process_that_came_with_the_engine_is_ours(tmp_path, nvml, monkeypatch):
    conditions = watch("gpu", str(tmp_path / "empty"), library=nvml())
    monkeypatch.setenv("STANDIN_PIDS", "4194303")
    conditions.look()
    assert conditions.flags() == []
    monkeypatch.setenv("STANDIN_PIDS", "4194303,4194302")
    conditions.look()
    assert conditions.flags()[0].startswith("GPU shared: 1 other process computed on it; ")


def test_an_older_driver_tells_its_processes_by_the_older_name(tmp_path, nvml, monkeypatch):
    monkeypatch.setenv("STANDIN_PIDS", "31")
    library = nvml("-DPROCESSES=nvmlDeviceGetComputeRunningProcesses_v2")
    assert watch("gpu", str(tmp_path / "empty"), library=library).describe()["other_gpu_processes"] == 1
    library = nvml("-DPROCESSES=nvmlDeviceGetComputeRunningProcesses")
    seen = watch("gpu", str(tmp_path / "empty"), library=library).describe()
    assert "other_gpu_processes" not in seen
    (line,) = [line for line in seen["unseen"] if line.startswith("other processes on the GPU: ")]
    assert "this NVML is too old" in line


def test_a_run_under_conditions_that_changed_is_not_valid(bundle, world):
    conditions = _watch(world, "cpu")
    world.write("class/thermal/cooling_device1/cur_state", 1)
    result = measure(open_target(str(bundle)), precisions=["fp32"], settings=QUICK, conditions=conditions)
    (one,) = result["measurements"]
    assert one["valid"] is False
    assert any(flag.startswith("throttled: cooling by gpu-balanced") for flag in one["flags"])
    assert result["conditions"]["cpu_clock_mhz"]["most"] == 2035.2
