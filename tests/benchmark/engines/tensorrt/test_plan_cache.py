"""Plans are kept, and taken for what they were built for alone."""

import json

import pytest

from ...conftest import scale, write_manifest
from ..conftest import ORIN, TX2, of


def _plans(tmp_path, kind="plan"):
    return sorted((tmp_path / "cache" / "edgesynth" / "tensorrt").glob(kind + "-*.trt"))


def _built(run):
    code, result, _, err = run
    assert code == 0, err
    return of(result, "fp32")["built"]


@pytest.fixture
def fp32(on_tensorrt):
    def run(version, gpu, *arguments, **more):
        return on_tensorrt(version, gpu, "--precision", "fp32", *arguments, **more)

    return run


def test_the_second_run_takes_the_plan_of_the_first_and_its_time_of_building(fp32, tmp_path):
    first, second = _built(fp32("8.2", TX2)), _built(fp32("8.2", TX2))
    assert (first["from_cache"], second["from_cache"]) == (False, True)
    assert second["build_s"] == first["build_s"] > 0
    assert second["plan_bytes"] == first["plan_bytes"] > 1000
    assert len(_plans(tmp_path)) == len(_plans(tmp_path, "timings")) == 1


def test_a_plan_is_not_taken_by_another_version_gpu_or_model(fp32, tensorrt_bundle, tmp_path):
    assert not _built(fp32("8.6", ORIN))["from_cache"]
    assert not _built(fp32("10.3", ORIN))["from_cache"]
    assert not _built(fp32("8.6", TX2))["from_cache"]
    before = json.loads((tmp_path / "measured.json").read_text())
    scale(tensorrt_bundle / "model.onnx", "conv", 1.5)
    write_manifest(tensorrt_bundle)
    code, after, _, _ = fp32("8.6", TX2)
    assert (code, of(after, "fp32")["built"]["from_cache"]) == (0, False)
    assert of(after, "fp32")["max_abs_error"] > 100 * of(before, "fp32")["max_abs_error"]
    assert len(_plans(tmp_path)) == 4


def test_batches_and_precisions_have_plans_of_their_own_and_share_the_timings(on_tensorrt, tmp_path):
    on_tensorrt("8.2", TX2, "--precision", "fp32,fp16", "--batch", "1,5")
    assert len(_plans(tmp_path)) == 4
    assert len(_plans(tmp_path, "timings")) == 1
    started = [json.loads(path.read_bytes().split(b"\n")[1])["started_with_timings"] for path in _plans(tmp_path)]
    assert sorted(started)[0] == 0 < sorted(started)[1]


BUILD = """
from edgesynth.benchmark.engines.tensorrt.engine import TensorRt

TensorRt.root = {root!r}
engine = TensorRt()
engine.load({model!r}, "fp32", 1, 1)
built = engine.built()
print(*[built[name] for name in ("from_cache", "power_mode", "gpu_min_mhz", "gpu_max_mhz", "gpu_clocks_locked")])
engine.close()
"""


def test_a_plan_is_that_of_one_power_mode_and_its_clocks_and_says_which(script, tensorrt_bundle, tmp_path):
    root = tmp_path / "board"

    def build(mode, least_mhz, most_mhz):
        node = "sys/class/devfreq/17000000.gp10b/{}_freq"
        for path, text in [
            ("tmp/nv_power_mode", mode),
            (node.format("min"), int(least_mhz * 1e6)),
            (node.format("max"), int(most_mhz * 1e6)),
        ]:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(f"{text}\n")
        return script("8.2", TX2, BUILD.format(root=str(root), model=str(tensorrt_bundle / "model.onnx")))

    assert build("MAXN", 1300.5, 1300.5) == "False MAXN 1300.5 1300.5 True"
    assert build("MAXN", 1300.5, 1300.5) == "True MAXN 1300.5 1300.5 True"
    assert build("MAXQ", 854.25, 854.25) == "False MAXQ 854.25 854.25 True"
    assert build("MAXN", 114.75, 1300.5) == "False MAXN 114.75 1300.5 False"
    assert build("MAXN", 1300.5, 1300.5) == "True MAXN 1300.5 1300.5 True"
    # Kernels are timed anew, too: timings of one clock choose the wrong ones for another.
    assert len(_plans(tmp_path)) == len(_plans(tmp_path, "timings")) == 3


def test_where_nothing_tells_the_power_mode_the_plan_is_kept_as_before(script, tensorrt_bundle, tmp_path):
    text = BUILD.format(root=str(tmp_path / "empty"), model=str(tensorrt_bundle / "model.onnx"))
    assert [script("8.2", TX2, text) for _ in range(2)] == ["False None None None None", "True None None None None"]


@pytest.mark.parametrize(
    "damage", [lambda content: content[: len(content) // 2], lambda content: b"", lambda content: content + b"x"]
)
def test_a_damaged_plan_is_built_anew(damage, fp32, tmp_path):
    _built(fp32("8.2", TX2))
    (plan,) = _plans(tmp_path)
    plan.write_bytes(damage(plan.read_bytes()))
    assert not _built(fp32("8.2", TX2))["from_cache"]
    assert _built(fp32("8.2", TX2))["from_cache"]


def test_a_folder_that_cannot_be_written_is_no_reason_not_to_measure(fp32, tmp_path):
    (tmp_path / "file").write_text("")
    built = _built(fp32("8.2", TX2, XDG_CACHE_HOME=str(tmp_path / "file")))
    assert "Not a directory" in built["not_kept"]
