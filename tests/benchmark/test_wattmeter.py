"""An external wattmeter's log: read, refused, and cut into the windows of the run by the time of day."""

import json
import os
import threading
import time

import pytest

from edgesynth.benchmark.bundle.bundle import open_target
from edgesynth.benchmark.measure.energy import energy_by_wattmeter, plan_energy
from edgesynth.benchmark.measure.run import measure
from edgesynth.benchmark.measure.settings import Settings
from edgesynth.benchmark.power import NoPower, Reading
from edgesynth.benchmark.power.wattmeter import Wattmeter
from edgesynth.benchmark.power.wattmeter_log import read_log
from edgesynth.benchmark.result.energy_lines import energy_lines
from edgesynth.benchmark.timing.timing import Track, Window
from edgesynth.errors import UserError

GOOD = "timestamp,watts\n100,5.0\n101,6.0\n102,7.0\n"
EPOCH_S = 1_700_000_000.0  # 2023-11-14T22:13:20Z


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "meter.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return write


def test_a_log_is_seconds_and_watts(written):
    log = read_log(written(GOOD))
    assert log.points == [(100.0, 5000.0), (101.0, 6000.0), (102.0, 7000.0)]
    assert log.period_s == 1.0


@pytest.mark.parametrize(
    "text",
    [
        "2023-11-14T22:13:20Z",
        "2023-11-14 22:13:20.000+00:00",
        "2023-11-15T00:13:20+0200",
        "2023-11-14T17:43:20-04:30",
        "1700000000",
        "1.7e9",
    ],
)
def test_a_time_may_be_iso_with_its_zone(written, text):
    log = read_log(written(f"Time,volts,Power_W\n{text},230,1\n1700000001,230,1\n1700000002.25,230,1\n"))
    assert [moment_s for moment_s, _ in log.points] == [EPOCH_S, EPOCH_S + 1, EPOCH_S + 2.25]


def test_a_row_that_is_still_being_written_is_left_out(written):
    assert len(read_log(written(GOOD + "103,8")).points) == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "begins with ''; it must have rows of timestamp,watts with that header line"),
        ("100,5.0\n101,6.0\n102,7.0\n", "begins with '100,5.0'; it must have"),
        ("timestamp,volts\n100,5.0\n", "begins with 'timestamp,volts'"),
        ("timestamp,watts\n100,5.0\n101,6.0\n", "has 2 rows and at least 3 are needed before a run"),
        (GOOD + "103,n/a\n", "line 5: 'n/a' is no power in watts, 0 or more"),
        (GOOD + "103,-1\n", "line 5: '-1' is no power"),
        (GOOD + "103,nan\n", "line 5: 'nan' is no power"),
        (GOOD + "103\n", "line 5: it has 1 columns"),
        (GOOD + "2023-11-14T22:13:20,5\n", "line 5: '2023-11-14T22:13:20' is no time"),  # in which zone?
        (GOOD + "2023-06-31T22:13:20Z,5\n", "line 5: '2023-06-31T22:13:20Z' is no time"),
        (GOOD + "102,5\n", "line 5: its time is not after that of the row before"),
        (b"timestamp,watts\n\xff\xfe\n", "cannot be read"),
        (b"timestamp,watts\n1,\x002\n", "is no text"),
    ],
)
def test_what_is_no_log_is_refused_with_its_line(written, text, said):
    path = written(text)
    with pytest.raises(UserError) as refused:
        read_log(path)
    assert str(refused.value).startswith(f"--wattmeter {path}") and said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"absent\.csv is not a file"):
        read_log(str(tmp_path / "absent.csv"))


class Clock:
    """The time of day runs `EPOCH_S` ahead of the monotonic clock."""

    def __init__(self, now_s):
        self.now_s, self.set_by_s = now_s, 0.0

    def monotonic(self):
        return self.now_s

    def wall(self):
        return self.now_s + EPOCH_S + self.set_by_s

    def sleep(self, duration_s):
        self.now_s += duration_s


def rows(first_s, last_s, watts, step_s=0.1):
    count = round((last_s - first_s) / step_s) + 1
    moments = [first_s + step_s * index for index in range(count)]
    return "".join(f"{EPOCH_S + moment:.3f},{watts(moment)}\n" for moment in moments)


def wattmeter_at(written, clock, text):
    return Wattmeter(written("timestamp,watts\n" + text), clock.wall, clock.monotonic)


def track_of(*begins_s):
    track = Track()
    track.windows = [Window(100, Reading({}, 2.0, begin_s, reason="no meter here")) for begin_s in begins_s]
    return track


def test_windows_are_cut_out_of_the_log_by_the_time_of_day(written):
    clock = Clock(10.0)
    meter = wattmeter_at(written, clock, rows(5, 10, lambda t: 3))
    clock.now_s = 40.0
    # 3 W at rest, 8 W in the windows alone, which begin at 20.05, 23.05, ...
    begins_s = [20.05 + 3 * turn for turn in range(5)]
    written(
        "timestamp,watts\n"
        + rows(5, 40, lambda t: 8 if any(begin_s - 0.2 <= t <= begin_s + 2.2 for begin_s in begins_s) else 3)
    )
    meter.finish(34.05)
    energy = energy_by_wattmeter(meter, track_of(*begins_s), batch=1, idle=Reading({}, 5.0, 12.0, reason="no meter"))
    assert energy["reason"] is None
    assert energy["mean_power_mw"] == pytest.approx(8000)
    assert energy["images_per_joule"] == pytest.approx(100 / 16)
    assert energy["idle_power_mw"] == pytest.approx(3000)
    assert energy["above_idle"]["mean_power_mw"] == pytest.approx(5000)
    assert energy["scope"].startswith("whatever is plugged into the wattmeter (meter.csv)")


def test_a_log_that_ends_within_the_run_gives_no_energy(written):
    clock = Clock(10.0)
    meter = wattmeter_at(written, clock, rows(5, 10, lambda t: 3))
    written("timestamp,watts\n" + rows(5, 30, lambda t: 3))
    clock.now_s = 40.0
    meter.finish(34.0, clock.sleep)
    assert clock.now_s == pytest.approx(45.2, abs=0.3)  # it was waited for
    energy = energy_by_wattmeter(meter, track_of(20, 23, 26, 29, 32), batch=1)
    assert energy["images_per_joule"] is None
    assert (
        "2 of 5 windows could not be read, the first because: meter.csv does not reach beyond a window"
        in (energy["reason"])
    )


def test_a_clock_that_is_set_during_the_run_gives_no_energy(written):
    clock = Clock(10.0)
    meter = wattmeter_at(written, clock, rows(5, 10, lambda t: 3))
    written("timestamp,watts\n" + rows(5, 45, lambda t: 3))
    clock.now_s, clock.set_by_s = 40.0, 1.5
    meter.finish(34.0, clock.sleep)
    energy = energy_by_wattmeter(meter, track_of(20, 23, 26, 29, 32), batch=1)
    assert "this machine's time of day was set by +1.50 s during the run" in energy["reason"]


def test_a_log_that_turns_to_garbage_gives_no_energy_and_says_where(written):
    clock = Clock(10.0)
    meter = wattmeter_at(written, clock, rows(5, 10, lambda t: 3))
    written("timestamp,watts\n" + rows(5, 20, lambda t: 3) + "hello,world\n")
    clock.now_s = 40.0
    meter.finish(34.0, clock.sleep)
    assert "'hello' is no time" in energy_by_wattmeter(meter, track_of(12, 15, 18, 21, 24), batch=1)["reason"]


@pytest.mark.parametrize(("last_s", "said"), [(10.0, "is 90 s behind"), (190.0, "is 90 s ahead of")])
def test_a_log_of_another_time_is_refused_before_the_run(written, last_s, said):
    with pytest.raises(UserError, match=f"its last row {said} this machine's clock"):
        wattmeter_at(written, Clock(100.0), rows(last_s - 5, last_s, lambda t: 3))


def test_a_run_too_short_for_the_wattmeter_is_refused_with_the_duration_that_would_do(written):
    clock = Clock(10.0)
    meter = wattmeter_at(written, clock, rows(5, 10, lambda t: 3, step_s=1.0))
    with pytest.raises(UserError, match=r"3 s are too short for 6 windows of 12\.00 s.*use --duration-s 72 or more"):
        plan_energy(NoPower("none here"), 3.0, None, meter)
    plan = plan_energy(NoPower("none here"), 80.0, None, meter)
    assert plan.window_s == pytest.approx(80 / 6) and plan.idle_s == 80.0


class Logging(threading.Thread):
    """A wattmeter's program: a row every 20 ms."""

    def __init__(self, path):
        super().__init__()
        self.path, self.over = path, threading.Event()
        path.write_text("timestamp,watts\n")

    def run(self):
        with open(self.path, "a") as file:
            while not self.over.wait(0.02):
                file.write(f"{time.time():.4f},12.5\n")
                file.flush()


@pytest.mark.slow
def test_a_run_beside_a_wattmeter_has_its_images_per_joule(tmp_path, pristine_bundle):
    program = Logging(tmp_path / "meter.csv")
    program.start()
    try:
        time.sleep(0.3)
        settings = Settings(duration_s=2.4, warm_up_s=0.0, idle_s=0.4, wattmeter=str(program.path))
        target = open_target(str(pristine_bundle))
        result = measure(target, precisions=["fp32"], settings=settings, meter=NoPower("no sensor here"))
    finally:
        program.over.set()
        program.join()
    (measured,) = result["measurements"]
    energy = measured["energy"]
    assert energy["images_per_joule"] is None and energy["reason"] == "no sensor here"
    by_meter = energy["wattmeter"]
    assert by_meter["reason"] is None
    assert by_meter["mean_power_mw"] == pytest.approx(12500)
    assert by_meter["images_per_joule"] == pytest.approx(measured["throughput_images_per_s"] / 12.5, rel=0.02)
    assert by_meter["idle_power_mw"] == pytest.approx(12500)
    assert result["settings"]["wattmeter"] == "meter.csv"  # and no path of this machine
    assert str(tmp_path) not in json.dumps(result)
    assert any(line.startswith("fp32 x1, by the wattmeter: ") for line in energy_lines(result["measurements"], {}))


def test_a_bad_log_is_one_line_before_anything_is_measured(edgesynth, bundle, tmp_path):
    (tmp_path / "meter.csv").write_text("volts\n")
    code, out, err = edgesynth("benchmark", bundle, "--wattmeter", "meter.csv")
    assert (code, out) == (2, "") and err.count("\n") == 1
    assert err.startswith("edgesynth: --wattmeter meter.csv begins with 'volts'; it must have rows of timestamp,watts")
    assert not os.path.exists(bundle / "result.json")


def test_a_wattmeter_and_another_machine_are_refused(edgesynth, bundle, tmp_path):
    (tmp_path / "meter.csv").write_text(GOOD)
    code, _, err = edgesynth("benchmark", bundle, "--wattmeter", "meter.csv", "--on", "ssh://nobody@localhost")
    assert code == 2 and "--wattmeter meter.csv was given and --on is localhost, whose clock is another" in err
