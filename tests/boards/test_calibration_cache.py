import json
import struct

import numpy as np
import pytest

from edgesynth.boards.calibration_cache import (
    cache_from_ranges,
    format_cache,
    parse_cache,
    read_ranges,
    version_number,
    write_cache,
)
from edgesynth.errors import UserError

TRT = "8.2.1.8"


def bits(value):
    return struct.pack("<f", value)


@pytest.mark.parametrize(
    ("version", "number"), [("7.1.3", 7103), ("8.0.1.6", 8001), (TRT, 8201), ("8.4.1", 8401), ("10.14.1", 101401)]
)
def test_a_version_has_the_number_that_its_own_caches_carry(version, number):
    assert version_number(version) == number


@pytest.mark.parametrize("version", ["8.2", "8", "", "latest", "8.2.x", "11.0.0", "6.0.1", "-8.2.1"])
def test_a_version_without_a_cache_is_refused(version):
    with pytest.raises(UserError, match="TensorRT"):
        version_number(version)


def test_the_text_is_the_one_that_tensorrt_writes():
    # 3caa54fc is a line of a real cache: 0.0207924768...
    amax = struct.unpack(">f", bytes.fromhex("3caa54fc"))[0] * 127.0
    text = format_cache(cache_from_ranges({"input": amax, "one": 127.0}, TRT))
    assert text == "TRT-8201-EntropyCalibration2\ninput: 3caa54fc\none: 3f800000\n"


def test_a_round_trip_keeps_every_bit_whatever_the_name():
    source = np.random.default_rng(0)
    amax = {f"/layer{i}/Conv_output_{i}:0": float(10 ** source.uniform(-30, 30)) for i in range(500)}
    amax["a: b"], amax["(Unnamed Layer* 3) [Shuffle]_output"], amax["Größe"] = 1e-40, 3e38, 0.1
    cache = cache_from_ranges(amax, TRT)
    back = parse_cache(format_cache(cache))
    assert list(back.scales) == list(amax)
    for name, value in amax.items():
        assert bits(back.scales[name]) == np.float32(value / 127.0).tobytes()
    assert (back.version, back.algorithm) == (8201, "EntropyCalibration2")
    assert format_cache(back) == format_cache(cache)


def test_a_cache_of_tensorrt_with_a_zero_and_blank_lines_is_read():
    cache = parse_cache("TRT-7103-MinMaxCalibration\r\n(Unnamed Layer* 64) [Shuffle]_output: 0\n\nx: 3F800000\n")
    assert cache == (7103, "MinMaxCalibration", {"(Unnamed Layer* 64) [Shuffle]_output": 0.0, "x": 1.0})


@pytest.mark.parametrize("amax", [float("nan"), float("inf"), 0, -1.0, 1e-46, 1e60, None, "1.0", True])
def test_a_range_that_is_no_scale_is_refused_with_the_tensor(amax):
    with pytest.raises(UserError, match=r"tensor bad: amax is .* finite number above 0"):
        cache_from_ranges({"good": 1.0, "bad": amax}, TRT)


@pytest.mark.parametrize("amax", [{}, {"": 1.0}, {"two\nlines": 1.0}])
def test_ranges_that_no_cache_can_hold_are_refused(amax):
    with pytest.raises(UserError):
        cache_from_ranges(amax, TRT)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "does not begin"),
        ("images 2.5\n", "ONNX Runtime writes another"),  # what ONNX Runtime calls calibration.cache
        ("TRT-8201-EntropyCalibration2\nimages\n", "line 2"),
        ("TRT-8201-EntropyCalibration2\nx: 3f800000\ny: 0.5\n", "line 3"),
        ("TRT-8201-EntropyCalibration2\nx: 7fc00000\n", "scale nan"),
        ("TRT-8201-EntropyCalibration2\nx: bf800000\n", "scale -1.0"),
        ("TRT-8201-EntropyCalibration2\nx: 1\nx: 1\n", "names x again"),
    ],
)
def test_a_text_that_is_no_cache_is_refused_with_the_line(text, message):
    with pytest.raises(UserError, match=message):
        parse_cache(text)


def write_ranges(folder, **changes):
    ranges = {"schema": 1, "model": "model.onnx", "method": "minmax", "images": 4, "amax": {"images": 2.54}, **changes}
    (folder / "ranges.json").write_text(json.dumps(ranges))
    return str(folder / "ranges.json")


def test_a_cache_is_written_beside_the_ranges_of_a_bundle(tmp_path):
    path = tmp_path / "calibration.cache"
    write_cache(write_ranges(tmp_path), str(path), TRT)
    assert path.read_text().splitlines()[0] == "TRT-8201-EntropyCalibration2"
    assert parse_cache(path.read_text()).scales["images"] == pytest.approx(0.02, rel=1e-6)


@pytest.mark.parametrize(
    "changes", [{"amax": {"images": 0.0}}, {"amax": []}, {"schema": 3}, {"schema": True}, {"amax": {}}]
)
def test_a_cache_that_stands_outlives_ranges_that_are_no_good(tmp_path, changes):
    path = tmp_path / "calibration.cache"
    path.write_text("before")
    with pytest.raises(UserError):
        write_cache(write_ranges(tmp_path, **changes), str(path), TRT)
    assert path.read_text() == "before" and sorted(f.name for f in tmp_path.iterdir()) == [path.name, "ranges.json"]


@pytest.mark.parametrize("content", [None, "{", "[]"])
def test_ranges_that_are_missing_or_no_json_are_refused(tmp_path, content):
    if content is not None:
        (tmp_path / "ranges.json").write_text(content)
    with pytest.raises(UserError, match=r"ranges.json"):
        read_ranges(str(tmp_path / "ranges.json"))


@pytest.mark.parametrize(
    ("changes", "floating"), [({}, ()), ({"schema": 2}, ()), ({"schema": 2, "floating_point": ["/fc"]}, ("/fc",))]
)
def test_ranges_of_both_schemas_are_read_with_the_layers_that_stay_in_floating_point(tmp_path, changes, floating):
    assert read_ranges(write_ranges(tmp_path, **changes)) == ({"images": 2.54}, floating)
