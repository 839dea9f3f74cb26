import pytest

from edgesynth.benchmark.conditions.machine import describe_machine
from edgesynth.benchmark.engines.ways import Ways
from edgesynth.benchmark.result.flags import (
    flags_of_latency,
    flags_of_machine,
    flags_of_phases,
    flags_of_waiting,
    is_invalid,
)

QUIET = {"cores": 4, "load_1min": 0.1, "governor": "performance", "min_khz": 345600.0, "max_khz": 2035200.0}
STEADY = {"cov": 0.025, "count": 100}


def _names(flags):
    return [flag.split(":")[0] for flag in flags]


@pytest.fixture
def root(tmp_path):
    for path, text in {
        "proc/cpuinfo": "processor\t: 0\nmodel name\t: ARMv8 Processor rev 3 (v8l)\n",
        "proc/device-tree/model": "quill\0",
        "proc/loadavg": "0.52 0.40 0.30 1/200 999\n",
        "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "schedutil\n",
        "sys/devices/system/cpu/cpu0/cpufreq/scaling_max_freq": "2035200\n",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return str(tmp_path)


def test_the_machine_is_read_from_its_files(root):
    machine = describe_machine(root)
    assert machine["cpu"] == "ARMv8 Processor rev 3 (v8l)"
    assert machine["board"] == "quill"
    assert machine["load_1min"] == 0.52
    assert machine["governor"] == "schedutil"
    assert (machine["min_khz"], machine["max_khz"]) == (None, 2035200.0)


@pytest.mark.parametrize(("least", "locked"), [(1300500000, True), (114750000, False)])
def test_power_mode_and_limits_of_the_gpu_s_clock_are_part_of_the_machine(tmp_path, least, locked):
    for path, text in {
        "tmp/nv_power_mode": "MAXN",
        "sys/class/devfreq/17000000.gp10b/min_freq": least,
        "sys/class/devfreq/17000000.gp10b/max_freq": 1300500000,
        "sys/class/devfreq/15340000.vic/max_freq": 1024000000,
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(f"{text}\n")
    machine = describe_machine(str(tmp_path))
    assert (machine["power_mode"], machine["gpu_max_mhz"], machine["gpu_clocks_locked"]) == ("MAXN", 1300.5, locked)
    assert machine["gpu_min_mhz"] == least / 1e6


def test_what_cannot_be_read_is_none(tmp_path):
    machine = describe_machine(str(tmp_path))
    assert (machine["power_mode"], machine["gpu_max_mhz"], machine["gpu_clocks_locked"]) == (None, None, None)
    assert (machine["board"], machine["governor"], machine["load_1min"]) == (None, None, None)


def test_a_quiet_machine_has_no_flags():
    assert flags_of_machine(QUIET, threads=4) == []


@pytest.mark.parametrize(
    ("change", "threads", "name"),
    [
        ({"load_1min": 1.01}, 1, "machine loaded"),
        ({"governor": "schedutil"}, 1, "clocks not locked"),
        ({}, 5, "oversubscribed"),
    ],
)
def test_each_trouble_of_the_machine_has_its_flag(change, threads, name):
    assert _names(flags_of_machine(dict(QUIET, **change), threads)) == [name]


def test_an_unknown_governor_and_load_are_not_flagged():
    assert flags_of_machine(dict(QUIET, governor=None, load_1min=None), threads=1) == []


def test_equal_limits_lock_the_clock_whatever_the_governor():
    assert flags_of_machine(dict(QUIET, governor="schedutil", min_khz=2035200.0), threads=1) == []


def test_unknown_limits_do_not_lock_the_clock():
    machine = dict(QUIET, governor="schedutil", min_khz=None, max_khz=None)
    assert _names(flags_of_machine(machine, threads=1)) == ["clocks not locked"]


def test_latencies_at_the_threshold_are_steady():
    assert flags_of_latency(STEADY) == []


def test_latencies_above_the_threshold_are_unsteady():
    assert _names(flags_of_latency(dict(STEADY, cov=0.0251))) == ["unsteady"]


def test_a_p99_of_too_few_latencies_is_flagged():
    assert _names(flags_of_latency(dict(STEADY, count=99))) == ["few samples"]


def test_cores_that_spin_are_named_where_their_power_is_in_the_energy():
    (flag,) = flags_of_waiting("spin", 0.98, ("cpu", "gpu"))
    assert flag.startswith("spinning: 1.0 cores are busy while the GPU works") and "--wait block" in flag
    assert not is_invalid(flag)


@pytest.mark.parametrize(
    ("wait", "cores", "covered"),
    [
        ("block", 0.98, ("cpu", "gpu")),
        (None, 0.98, ("cpu", "gpu")),  # it computes on the CPU
        ("spin", 0.3, ("cpu", "gpu")),
        ("spin", 0.98, ("gpu",)),  # NVML sees no CPU
    ],
)
def test_cores_that_do_not_spin_or_are_not_measured_are_not_named(wait, cores, covered):
    assert flags_of_waiting(wait, cores, covered) == []


@pytest.mark.parametrize(
    "enqueue_ms, ways, said",
    [
        (0.5, Ways(), []),
        (0.9, Ways(), ["bound by launches: the CPU takes 0.900 ms to enqueue what the GPU computes in 1.000 ms; try "]),
    ],
)
def test_a_run_that_is_bound_by_launches_is_flagged(enqueue_ms, ways, said):
    phases = {"compute": {"p50": 1.0}, "enqueue": {"p50": enqueue_ms}}
    assert flags_of_phases(phases, ways) == [line + "--cuda-graph" for line in said]
    graph = flags_of_phases(phases, ways._replace(cuda_graph=True))
    assert graph == [line + "several streams or a larger batch" for line in said]
    assert flags_of_phases({}, ways) == []
