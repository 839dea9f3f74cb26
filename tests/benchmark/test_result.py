import json
import os

import pytest

from edgesynth.benchmark.bundle.bundle import open_target
from edgesynth.benchmark.measure.run import measure
from edgesynth.benchmark.measure.settings import Settings
from edgesynth.benchmark.result.result import check_destination, default_path, read_result, write_result
from edgesynth.benchmark.result.table import format_table
from edgesynth.errors import UserError


def measurement(**changes):
    one = {
        "precision": "fp32",
        "batch": 1,
        "file": "model.onnx",
        "dialect": "plain",
        "bytes": 2048,
        "latency_ms": {"p50": 1.0, "p90": 2.0, "p99": 3.0, "mean": 1.5, "min": 0.5, "std": 0.3, "cov": 0.2, "count": 4},
        "throughput_images_per_s": 666.6,
        "accuracy_percent": 75.0,
        "accuracy_reason": None,
        "energy": {"per_image_mj": 12.5, "images_per_joule": 80.0, "reason": None},
        "speedup_vs_fp32": 1.0,
        "flags": [],
        "samples_ms": [0.5, 1.0, 1.5, 3.0],
    }
    return dict(one, **changes)


def result(*measurements):
    head = {
        "schema": 2,
        "kind": "benchmark",
        "individual": "g003-c1",
        "bundle": "b",
        "created_utc": "2024-01-01T00:00:00Z",
    }
    return dict(head, machine={}, engine={}, settings={}, measurements=list(measurements))


def test_what_is_written_is_what_is_read(tmp_path):
    path = str(tmp_path / "result.json")
    write_result(path, result(measurement()))
    assert read_result(path) == result(measurement())


def test_nothing_but_the_result_is_left_in_the_folder(tmp_path):
    write_result(str(tmp_path / "result.json"), result())
    assert os.listdir(str(tmp_path)) == ["result.json"]


def test_a_result_that_cannot_be_json_leaves_the_old_file_whole(tmp_path):
    path = tmp_path / "result.json"
    path.write_text("old")
    with pytest.raises(ValueError, match="JSON compliant"):
        write_result(str(path), result(measurement(accuracy_percent=float("nan"))))
    assert path.read_text() == "old"
    assert os.listdir(str(tmp_path)) == ["result.json"]


def test_the_default_place_is_inside_a_bundle_and_beside_a_bare_file(tmp_path):
    assert default_path(str(tmp_path)) == str(tmp_path / "result.json")
    assert default_path("nets/small.onnx") == "nets/small.onnx.result.json"


@pytest.mark.parametrize(
    ("text", "fragment"),
    [
        ("{", "is not JSON"),
        ("[]", "is not a result"),
        (json.dumps({"schema": 1, "kind": "report"}), "is not a result"),
        (json.dumps({"schema": 4, "kind": "benchmark"}), "reads up to 3"),
        (json.dumps({"schema": 1, "kind": "benchmark"}), "lacks bundle"),
        (json.dumps(result({"precision": "fp32"})), "lacks batch"),
    ],
)
def test_a_file_that_is_no_result_is_refused(tmp_path, text, fragment):
    path = tmp_path / "result.json"
    path.write_text(text)
    with pytest.raises(UserError, match=fragment):
        read_result(str(path))


def test_a_result_of_schema_1_is_still_read(tmp_path):
    old = dict(result(measurement()), schema=1)
    (tmp_path / "result.json").write_text(json.dumps(old))
    assert read_result(str(tmp_path / "result.json")) == old


def test_the_table_shows_the_interval_the_gpus_rail_and_what_is_above_idle():
    figures = {"per_image_mj": 12.5, "images_per_joule": 80.0, "images_per_joule_95": [79.1, 80.9]}
    gpu = {"per_image_mj": 5.0, "images_per_joule": 200.0, "images_per_joule_95": [190.0, 211.0], "rail": "VDD_SYS_GPU"}
    above = {"per_image_mj": 8.0, "images_per_joule": 125.0, "images_per_joule_95": [120.0, 130.4]}
    more = {"reason": None, "rails_mj": {"VDD_IN": 1, "VDD_SYS_GPU": 1}, "idle_power_mw": 2104.4}
    table = "\n".join(format_table(result(measurement(energy=dict(figures, gpu=gpu, above_idle=above, **more)))))
    assert table.splitlines()[1].endswith("  12.500 mJ, 80.0 images/J (79.1 to 80.9)")
    assert table.splitlines()[2:] == [
        "fp32 x1, VDD_SYS_GPU: 5.000 mJ, 200.0 images/J (190.0 to 211.0)",
        "fp32 x1, above idle (2104 mW): 8.000 mJ, 125.0 images/J (120.0 to 130.4)",
    ]


def test_a_rail_that_is_part_of_an_input_stands_beside_the_total():
    energy = {
        "per_image_mj": 8.0,
        "images_per_joule": 125.0,
        "images_per_joule_95": None,
        "reason": None,
        "gpu": None,
        "rails_mj": {"VIN_SYS_5V0": 300.0, "VDDQ_VDD2_1V8AO": 50.0},
        "windows": [{"images": 60, "reason": None}, {"images": 40, "reason": None}, {"images": 7, "reason": "lost"}],
    }
    measured = dict(result(measurement(energy=energy)), power={"part_of": {"VDDQ_VDD2_1V8AO": "VIN_SYS_5V0"}})
    assert format_table(measured)[2:] == ["fp32 x1, VDDQ_VDD2_1V8AO, which is part of VIN_SYS_5V0: 0.500 mJ"]


def test_a_destination_in_no_folder_is_refused(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        check_destination(str(tmp_path / "absent" / "result.json"))


def test_the_table_has_the_figures_under_their_names():
    header, row = format_table(result(measurement()))
    assert header.split("  ")[0].strip() == "precision"
    figures = ["fp32", "1", "1.000", "2.000", "3.000", "666.6", "20.0", "1.00", "75.00", "2.0"]
    assert row.split()[:-4] == figures
    assert row.endswith("  12.500 mJ, 80.0 images/J")
    assert header.index("p99 ms") + len("p99 ms") == row.index("3.000") + len("3.000")


def test_the_table_gives_the_reason_instead_of_a_zero():
    energy = {"per_image_mj": None, "images_per_joule": None, "reason": "no meter"}
    table = "\n".join(
        format_table(result(measurement(energy=energy, accuracy_percent=None, accuracy_reason="no samples")))
    )
    assert "0.000 mJ" not in table
    assert table.splitlines()[2:] == ["energy not measured: no meter", "accuracy not measured: no samples"]


def test_a_flag_names_the_configurations_it_stands_for():
    table = "\n".join(format_table(result(measurement(), measurement(batch=8, flags=["unsteady: by 9 %"]))))
    assert table.splitlines()[-1] == "invalid: fp32 x8: unsteady: by 9 %"


def test_a_flag_of_all_configurations_is_said_once():
    both = ["machine loaded: 3"]
    table = "\n".join(format_table(result(measurement(flags=both), measurement(batch=8, flags=both))))
    assert table.splitlines()[3:] == ["flag: machine loaded: 3"]


def test_the_table_names_the_metric_of_the_result(bundle):
    result = measure(open_target(str(bundle)), settings=Settings(duration_s=0.02, warm_up_s=0.0, idle_s=0.0))
    assert result["metric"] == "accuracy" and "accuracy %" in format_table(result)[0]
    assert "F-beta %" in format_table({**result, "metric": "F-beta"})[0]
    del result["metric"]  # as an older edgesynth wrote it
    assert "accuracy %" in format_table(result)[0]
