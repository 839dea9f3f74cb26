"""`edgesynth compare`: what is refused, what is a regression, what the table says."""

import copy
import json

import pytest

CLOCK = {"gpu_min_mhz": 1300.5, "gpu_max_mhz": 1300.5}
MACHINE = {"cpu": "ARMv8", "board": "NVIDIA Jetson TX2", "cores": 6, "power_mode": "MAXN", **CLOCK}
ENGINE = {"name": "tensorrt", "version": "8.2.1.8", "threads": 1}
RAIL = {"meter": "INA3221", "scope": "VDD_IN", "reason": None}


def measurement(p50=2.0, precision="fp16", batch=1, mj=10.0, accuracy=90.0, **changes):
    energy = {**RAIL, "per_image_mj": mj} if mj else {"meter": "none", "per_image_mj": None, "reason": "no meter"}
    one = {
        "precision": precision,
        "batch": batch,
        "file": "model.onnx",
        "bytes": 4096,
        "latency_ms": {"p50": p50},
        "throughput_images_per_s": 1000.0 * batch / p50,
        "accuracy_percent": accuracy,
        "energy": energy,
        "flags": [],
        "samples_ms": [p50 * step for step in (0.99, 1.0, 1.01)] * 40,
    }
    return {**one, **changes}


def result(*measurements, machine=(), engine=()):
    head = {"schema": 1, "kind": "benchmark", "individual": "g003-c1", "bundle": "b", "created_utc": "", "settings": {}}
    return {
        **head,
        "machine": {**MACHINE, **dict(machine)},
        "engine": {**ENGINE, **dict(engine)},
        "measurements": list(measurements),
    }


@pytest.fixture
def compare(edgesynth, tmp_path):
    """Write results as a.json, b.json, ... and compare them: (exit code, stdout, stderr)."""

    def run(*results, options=()):
        names = [f"{letter}.json" for letter in "abc"][: len(results)]
        for name, one in zip(names, results, strict=True):
            (tmp_path / name).write_text(json.dumps(one))
        return edgesynth("compare", *names, *options)

    return run


def cells(out, line):
    return [cell for cell in out.splitlines()[line].split("  ") if cell]


def test_a_faster_smaller_offspring_is_above_one_everywhere_and_no_regression(compare):
    code, out, err = compare(result(measurement()), result(measurement(p50=1.0, mj=4.0, accuracy=89.75, bytes=1024)))
    assert (code, err) == (0, "")
    row = [cell.strip() for cell in cells(out, 2)]
    assert row[:5] == ["b.json", "fp16", "1", "1.000", "2.000"]
    assert row[6:] == ["2.000", "2.500", "-", "-0.25", "4.00"]
    low, high = map(float, row[5].split(" to "))
    assert 1.97 < low <= 2.0 <= high < 2.03
    assert out.splitlines()[-1] == "no regression"


def test_the_reference_has_lines_of_its_own_without_ratios(compare):
    _, out, _ = compare(result(measurement()), result(measurement(p50=1.0)))
    assert out.splitlines()[1].split() == ["a.json", "fp16", "1", "2.000", *["-"] * 7]


@pytest.mark.parametrize(
    ("worse", "line"),
    [
        ({"p50": 2.12}, "fp16 x1: 6.0 % slower (p50 2.120 ms, was 2.000 ms; 5 % allowed)"),
        ({"mj": 10.6}, "fp16 x1: 6.0 % more energy per image (5 % allowed)"),
        ({"accuracy": 89.25}, "fp16 x1: 0.75 points of accuracy lost (0.5 allowed)"),
    ],
)
def test_what_is_worse_than_allowed_is_exit_code_1_and_named(compare, worse, line):
    code, out, _ = compare(result(measurement()), result(measurement(**worse)))
    assert (code, out.splitlines()[-1]) == (1, f"regression: b.json: {line}")


def test_the_limits_are_the_user_s(compare):
    worse = result(measurement(p50=2.12, mj=10.6, accuracy=89.25))
    options = ("--tolerance", "7", "--max-accuracy-loss", "1")
    assert compare(result(measurement()), worse, options=options)[0] == 0


def test_a_loss_of_just_as_much_as_is_allowed_is_no_regression(compare):
    was, now = (100 * hits / 1000 for hits in (984, 979))  # in floating point they differ by a little more than 0.5
    code, out, _ = compare(result(measurement(accuracy=was)), result(measurement(accuracy=now)))
    assert code == 0 and out.splitlines()[-1] == "no regression"


def test_a_regression_within_the_noise_is_one_and_says_that_it_is_not_sure(compare):
    noisy = measurement(p50=2.2, samples_ms=[1.2, 2.2, 3.2, 2.2, 1.4])
    code, out, _ = compare(result(measurement(samples_ms=[1.0, 2.0, 3.0, 2.0, 1.8])), result(noisy))
    assert code == 1
    assert out.splitlines()[-1].endswith("; within the noise of these runs: measure longer, with --duration-s")


@pytest.mark.parametrize(
    ("other", "difference"),
    [
        (result(measurement(), machine={"power_mode": "MAXQ"}), "power mode is MAXN and MAXQ"),
        (
            result(measurement(), machine={"gpu_min_mhz": 114.75, "gpu_max_mhz": 1300.5}),
            "clock of the GPU is 1300 MHz and 115 to 1300 MHz",
        ),
        (result(measurement(), machine={"power_mode": None}), "power mode is MAXN and not known"),
        (result(measurement(), engine={"version": "8.0.1.6"}), "engine is tensorrt 8.2.1.8 and tensorrt 8.0.1.6"),
        (result(measurement(), engine={"threads": 4}), "threads is 1 and 4"),
        (
            result(measurement(), machine={"board": "NVIDIA Jetson TX1", "cores": 4}),
            "machine is NVIDIA Jetson TX2 with 6 cores and NVIDIA Jetson TX1 with 4 cores",
        ),
    ],
)
def test_what_was_not_measured_alike_is_refused_unless_told(compare, other, difference):
    code, out, err = compare(result(measurement()), other)
    assert (code, out) == (2, "")
    assert err == (
        f"edgesynth: b.json cannot be compared with a.json: {difference}; "
        "measure both alike, or compare with --anyway\n"
    )
    code, out, _ = compare(result(measurement()), other, options=["--anyway"])
    assert code == 0
    assert f"not alike: b.json: {difference}" in out.splitlines()


def test_another_batch_is_refused_unless_told_and_then_named(compare):
    reference, other = result(measurement()), result(measurement(p50=8.0, batch=8))
    code, _, err = compare(reference, other)
    assert code == 2
    assert "it has no fp16 x1; measure both alike" in err
    code, out, _ = compare(reference, other, options=["--anyway", "--tolerance", "1000"])
    assert code == 0
    assert "not alike: b.json: fp16 is at batch 1 and at batch 8" in out.splitlines()
    assert "8 (was 1)" in out.splitlines()[2]


def test_a_configuration_that_the_result_lost_does_not_pass_unseen(compare):
    code, _, err = compare(result(measurement(), measurement(precision="int8")), result(measurement()))
    assert code == 2
    assert "it has no int8 x1" in err


def test_a_configuration_that_the_result_has_besides_is_left_out_and_said(compare):
    code, out, _ = compare(result(measurement()), result(measurement(), measurement(batch=8)))
    assert code == 0
    assert "not compared: fp16 x8 is only in b.json" in out.splitlines()


def test_no_precision_in_common_is_refused_even_if_told(compare):
    code, _, err = compare(result(measurement()), result(measurement(precision="int8")), options=["--anyway"])
    assert code == 2
    assert "no precision is in both (fp16 x1; int8 x1)" in err


def test_energies_of_different_meters_are_not_a_ratio(compare):
    other = measurement(energy={**RAIL, "scope": "AP+DRAM", "per_image_mj": 99.0, "meter": "RAPL"})
    code, out, _ = compare(result(measurement()), result(other))
    assert code == 0
    assert "energy not compared: b.json: measured by INA3221 and by RAPL" in out.splitlines()


def test_an_energy_that_only_one_has_gives_the_reason(compare):
    code, out, _ = compare(result(measurement()), result(measurement(mj=None)))
    assert code == 0
    assert "energy not compared: b.json: the other has none (no meter)" in out.splitlines()


def test_energies_with_intervals_have_one_of_their_ratio(compare):
    narrow = {**RAIL, "per_image_mj": 10.0, "images_per_joule_95": [100 / 1.03, 100 * 1.03]}
    wide = {**RAIL, "per_image_mj": 10.6, "images_per_joule_95": [94.3 / 1.08, 94.3 * 1.08]}
    code, out, _ = compare(result(measurement(energy=narrow)), result(measurement(energy=wide)))
    assert code == 1
    # exp(hypot(ln 1.03, ln 1.08)) = 1.0859 to both sides of 10 / 10.6
    assert "0.943  0.869 to 1.024" in out.splitlines()[2]
    assert out.splitlines()[-1].endswith(
        "more energy per image (5 % allowed); within the noise of these runs: measure longer, with --duration-s"
    )


def test_flags_are_said_with_the_file_that_they_are_of(compare):
    _, out, _ = compare(result(measurement()), result(measurement(flags=["machine loaded: 3"])))
    assert "b.json: flag: machine loaded: 3" in out.splitlines()
    assert "warning:" not in out


def test_a_run_that_is_not_valid_is_warned_of(compare):
    _, out, _ = compare(result(measurement(flags=["throttled: heat"])), result(measurement()))
    assert "a.json: invalid: throttled: heat" in out.splitlines()
    assert "warning: a.json holds runs that are not valid; measure it again before believing it" in out.splitlines()
    assert "warning: b.json" not in out


def test_each_of_several_results_is_compared_with_the_first(compare):
    code, out, _ = compare(result(measurement()), result(measurement(p50=1.0)), result(measurement(p50=4.0)))
    assert code == 1
    assert [line.split()[4] for line in out.splitlines()[2:4]] == ["2.000", "0.500"]
    assert out.splitlines()[-1].startswith("regression: c.json: fp16 x1: 100.0 % slower")


@pytest.mark.parametrize(
    ("options", "fragment"),
    [
        (["--tolerance", "-1"], "--tolerance is -1; it must be 0 or more"),
        (["--tolerance", "nan"], "--tolerance is nan; it must be 0 or more"),
        (["--max-accuracy-loss", "-0.5"], "--max-accuracy-loss is -0.5"),
    ],
)
def test_a_limit_below_zero_is_refused(compare, options, fragment):
    code, _, err = compare(result(measurement()), result(measurement()), options=options)
    assert code == 2
    assert fragment in err


def test_one_result_alone_and_the_same_twice_are_refused(compare, edgesynth):
    code, _, err = compare(result(measurement()))
    assert (code, err) == (
        2,
        "edgesynth: only a.json was given; give the reference and at least one other result\n",
    )
    code, _, err = edgesynth("compare", "a.json", "./a.json")
    assert code == 2
    assert "a.json is given twice" in err


def test_a_result_whose_measurements_are_no_list_is_one_line(compare):
    code, _, err = compare(result(measurement()), {**result(), "measurements": 3})
    assert (code, err) == (2, "edgesynth: b.json lacks measurements; measure again\n")


def altered(**changes):
    one = measurement()
    one.update(copy.deepcopy(changes))
    return result(one)


@pytest.mark.parametrize(
    ("damaged", "what"),
    [
        (altered(latency_ms={"p50": 0}), "latency_ms.p50"),
        (altered(latency_ms=None), "latency_ms.p50"),
        (altered(samples_ms=[1.0, "2"]), "samples_ms"),
        (altered(batch="1"), "batch"),
        (altered(energy=[]), "energy"),
        (altered(energy={**RAIL, "per_image_mj": 1.0, "images_per_joule_95": [1.0]}), "energy.images_per_joule_95"),
        (altered(flags=None), "flags"),
        (altered(flags=[7]), "flags"),
        (result(), "measurements"),
        ({**result(measurement()), "machine": None}, "machine"),
    ],
)
def test_a_damaged_result_is_one_line(compare, damaged, what):
    code, out, err = compare(result(measurement()), damaged)
    assert (code, out) == (2, "")
    assert err == f"edgesynth: b.json has no usable {what}; it was altered or is of another program: measure again\n"
