"""Builds of one model, compared with each other: each is a build, and no kept plan is touched."""

import statistics

import pytest

from ..conftest import TX2, of


def _files(tmp_path):
    folder = tmp_path / "cache" / "edgesynth" / "tensorrt"
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_each_rebuild_is_a_build_and_leaves_the_kept_plan_alone(on_tensorrt, tmp_path):
    on_tensorrt("8.2", TX2, "--precision", "fp32")
    before = _files(tmp_path)
    code, result, out, err = on_tensorrt("8.2", TX2, "--precision", "fp32", "--rebuilds", "2")
    assert code == 0, err
    assert "building each model 2 times more: about " in err
    measured = of(result, "fp32")
    assert measured["built"]["from_cache"] is True  # what is measured is the engine of every day
    rebuilds = measured["rebuilds"]
    assert len(rebuilds["builds"]) == 3 and rebuilds["reason"] is None
    assert [build["from_cache"] for build in rebuilds["builds"]] == [True, False, False]
    assert all(build["build_s"] > 0 for build in rebuilds["builds"])
    p50_ms = [build["p50_ms"] for build in rebuilds["builds"]]
    expected = 100 * statistics.stdev(p50_ms) / statistics.mean(p50_ms)
    assert rebuilds["p50_std_percent"] == pytest.approx(expected)
    assert rebuilds["images_per_joule_std_percent"] is None  # no meter here
    line = f"fp32 x1, 3 builds: p50 {min(p50_ms):.3f} to {max(p50_ms):.3f} ms, builds differ by {expected:.1f} %"
    assert line in out
    assert _files(tmp_path) == before
    assert result["settings"]["rebuilds"] == 2


def test_without_rebuilds_nothing_is_built_anew(on_tensorrt):
    code, result, _, _ = on_tensorrt("8.2", TX2, "--precision", "fp32")
    assert code == 0 and of(result, "fp32")["rebuilds"] is None


def test_an_engine_that_builds_nothing_refuses_rebuilds(edgesynth, bundle):
    code, out, err = edgesynth("benchmark", bundle, "--engine", "onnxruntime", "--rebuilds", "3")
    assert (code, out) == (2, "")
    assert err == (
        "edgesynth: --rebuilds 3 was given and onnxruntime builds nothing of a model that could differ; leave it out, "
        "or use --engine tensorrt\n"
    )
    assert not (bundle / "result.json").exists()


@pytest.mark.parametrize("count", ["-1", "51"])
def test_a_number_of_rebuilds_out_of_range_is_refused(edgesynth, bundle, count):
    code, _, err = edgesynth("benchmark", bundle, "--rebuilds", count)
    assert code == 2 and f"--rebuilds is {count}; it must be 0 to 50" in err
