"""`probe --from`: profiles of `benchmark` and of trtexec, joined with a model, and a probe's table made of one."""

import json

import pytest

from edgesynth.boards.probed import convolution_shape, linear_shape, read_table

from ..engines.conftest import QUICK

# As trtexec of TensorRT 8.2 and of 10 write it.
PROFILE_82 = [
    {"count": 200},
    {
        "name": "Reformatting CopyNode for Input Tensor 0 to /conv1/Conv",
        "timeMs": 4,
        "averageMs": 0.02,
        "percentage": 4,
    },
    {"name": "/conv1/Conv + /relu/Relu", "timeMs": 40, "averageMs": 0.2, "percentage": 40},
    {"name": "/block/block.0/Conv + /block/block.1/Relu", "timeMs": 50, "averageMs": 0.25, "percentage": 50},
    {"name": "/fc/Gemm", "timeMs": 6, "averageMs": 0.03, "percentage": 6},
]
PROFILE_10 = [
    {"count": 10},
    {"name": "/conv1/Conv_myl0_1", "timeMs": 9, "averageMs": 0.9, "medianMs": 0.1, "percentage": 90},
    {"name": "/fc/Gemm_myl0_2", "timeMs": 1, "averageMs": 0.1, "medianMs": 0.3, "percentage": 10},
]
TIMES = [
    {
        "startEnqMs": start, "endEnqMs": start + 0.5, "startH2dMs": start, "endH2dMs": start + 0.1,
        "startComputeMs": start + 0.1, "endComputeMs": start + 1.1, "startD2hMs": start + 1.1, "endD2hMs": start + 1.3,
        "h2dMs": 0.1, "computeMs": compute, "d2hMs": 0.2, "latencyMs": 0.3 + compute, "endToEndMs": 2.0,
    }
    for start, compute in [(0.0, 1.0), (10.0, 1.5), (20.0, 1.2)]
]  # fmt: skip


@pytest.fixture
def write(tmp_path):
    def write(content, name="exported.json"):
        (tmp_path / name).write_text(content if isinstance(content, str) else json.dumps(content))
        return name

    return write


def groups_of(out):
    (file,) = json.loads(out)["files"]
    return [(group["name"], group["ms"]) for group in file["profile"]["groups"]]


def test_a_profile_of_trtexec_82_is_told_of_the_groups_by_its_means(named, edgesynth, write):
    code, out, err = edgesynth("probe", named, "--from", write(PROFILE_82), "--json")
    assert code == 0, err
    assert groups_of(out) == [("block.0", 0.25), ("conv1", 0.2), ("fc", 0.03)]
    code, out, _ = edgesynth("probe", named, "--from", write(PROFILE_82))
    assert out.splitlines()[0] == "layers of exported.json by trtexec (median of 200 runs):"
    assert out.splitlines()[2].split() == ["block.0", "0.2500", "50.0", "6", "yes"]
    assert "all layers: 0.500 ms, 0.020 ms of them beside the groups" in out


def test_a_profile_of_trtexec_10_is_told_by_its_medians(named, edgesynth, write):
    code, out, err = edgesynth("probe", named, "--from", write(PROFILE_10), "--json")
    assert code == 0, err
    assert groups_of(out) == [("fc", 0.3), ("conv1", 0.1)]


def test_times_of_trtexec_are_told_part_by_part_beside_a_profile(named, edgesynth, write):
    files = ("--from", write(TIMES, "times.json"), "--from", write(PROFILE_82))
    code, out, err = edgesynth("probe", named, *files)
    assert code == 0, err
    for line in (
        "times.json: copy in 0.100 ms (p50), 0.100 ms (p99), 3 runs",
        "times.json: compute 1.200 ms (p50), 1.500 ms (p99), 3 runs",
        "times.json: copy out 0.200 ms (p50), 0.200 ms (p99), 3 runs",
        "times.json: enqueue (CPU) 0.500 ms (p50), 0.500 ms (p99), 3 runs",
    ):
        assert line in out.splitlines()
    _, out, _ = edgesynth("probe", named, *files, "--json")
    times, profile = json.loads(out)["files"]
    assert (times["profile"], profile["phases_ms"]) == (None, None)
    assert times["phases_ms"]["latency"]["p50"] == pytest.approx(1.5)


def test_a_result_becomes_a_table_that_plan_reads(named, edgesynth, tmp_path):
    code, _, err = edgesynth("benchmark", named, "--engine", "onnxruntime", *QUICK, "--profile", "-o", "r.json")
    assert code == 0, err
    (measured,) = json.loads((tmp_path / "r.json").read_text())["measurements"]
    code, out, err = edgesynth("probe", named, "--from", "r.json", "-o", "t.json")
    assert code == 0, err
    assert out.splitlines()[-1] == "written: t.json"
    table = read_table(str(tmp_path / "t.json"))
    ms = {group["name"]: group["ms"] for group in measured["profile"]["groups"]}
    pads = {"pads": [1, 1, 1, 1]}
    assert table.latency_ms(convolution_shape((4, 1, 3, 3), (8, 8), 1, pads), 4) == pytest.approx(ms["conv1"])
    assert table.latency_ms(convolution_shape((6, 4, 3, 3), (8, 8), 1, pads), 6) == pytest.approx(ms["block.0"])
    assert table.latency_ms(linear_shape(6), 10) == pytest.approx(ms["fc"])
    assert table.latency_ms(linear_shape(6), 9) is None
    rest_ms = measured["latency_ms"]["p50"] - measured["profile"]["total_ms"]
    assert table.call_ms == pytest.approx(max(rest_ms, 0.0), abs=1e-5)
    assert (table.precision, table.batch, table.facts["board"]) == ("fp32", 1, None)


@pytest.mark.parametrize(
    "content, arguments, said",
    [
        ("[]", (), "exported.json is no profile and no times of trtexec (it is empty)"),
        ([{"count": 3}], (), "is no profile and no times of trtexec (ValueError: it has no layers)"),
        ([{"count": 3}, {"name": "a", "averageMs": "fast"}], (), "ValueError: 'fast' is no time"),
        ([{"h2dMs": 1}], (), "is no profile and no times of trtexec (KeyError"),
        ([{"count": 3}, {"name": "/other/Conv", "averageMs": 1}], (), "exported.json names no node of"),
        ({"kind": "probe"}, (), "exported.json is not a result of `edgesynth benchmark`; measure again"),
        (PROFILE_82, ("-o", "t.json"), "-o needs one profile of `edgesynth benchmark --profile`: the files of trtexec"),
        (PROFILE_82, ("--engine", "onnxruntime"), "--engine is of a measurement, and --from measures nothing"),
        (PROFILE_82, ("--grid",), "--grid is of a measurement, and --from measures nothing"),
        (PROFILE_82, ("--finest", "4"), "--finest is of a measurement, and --from measures nothing"),
    ],
)
def test_what_is_no_profile_is_one_line(content, arguments, said, named, edgesynth, write, tmp_path):
    code, out, err = edgesynth("probe", named, "--from", write(content), *arguments)
    assert (code, out, len(err.splitlines())) == (2, "", 1), err
    assert said in err
    assert not (tmp_path / "t.json").exists()


def test_a_result_without_a_profile_or_with_several_says_what_to_measure(named, edgesynth):
    edgesynth("benchmark", named, "--engine", "onnxruntime", *QUICK, "-o", "r.json")
    code, _, err = edgesynth("probe", named, "--from", "r.json")
    assert (code, "r.json has 0 profiles; measure one precision at one batch" in err) == (2, True)
    edgesynth("benchmark", named, "--engine", "onnxruntime", *QUICK, "--profile", "--batch", "1,2", "-o", "r.json")
    code, _, err = edgesynth("probe", named, "--from", "r.json")
    assert (code, "r.json has 2 profiles (fp32 x1, fp32 x2); measure one precision" in err) == (2, True)
