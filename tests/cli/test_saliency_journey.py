"""Saliency from a folder to a verified bundle and a report, on drawn shapes."""

import json

import pytest

from tests.tasks.shapes import write_shapes

QUICK = "--image-size 32 --ancestor-epochs 3 --generations 1 --offspring 1 --epochs 1 --final-epochs 1 --batch-size 8"


@pytest.fixture(scope="module")
def run(tmp_path_factory, edgesynth):
    root = tmp_path_factory.mktemp("saliency")
    write_shapes(root / "shapes", 30)
    (root / "shapes" / "images" / "007.jpg").write_text("no image")
    options = [*QUICK.split(), "--strength", "magnitude", "--min-accuracy", "1", "--threads", "1"]
    result = edgesynth("evolve", "--ancestor", "saliency-small", "--task", "masks:shapes", *options, cwd=root)
    assert result.returncode == 0, result.stderr
    return root / "runs" / "saliency-small-masks.shapes-0", result.stdout


def test_the_run_tells_of_its_metric_and_of_what_it_left_out(run):
    path, told = run
    assert "Data: of shapes, 30 pairs, 1 files are skipped: shapes/images/007.jpg is no image" in told
    assert "test F-beta " in told and "accuracy" not in told
    assert json.loads((path / "task.json").read_text())["metric"] == "F-beta"
    beside = json.loads((path / "extra_metrics.json").read_text())
    assert beside.keys() == {"g000-c0", "g001-c0", "sha256"} and 0 < beside["g001-c0"]["MAE"] < 1


def test_its_bundle_is_verified_and_scored_by_f_beta(run, edgesynth):
    path, _ = run
    for command in (f"export {path} --int8 --samples 16 -o {path / 'bundle'}", f"verify {path / 'bundle'}"):
        result = edgesynth(*command.split(), cwd=path.parents[1])
        assert result.returncode == 0 and "F-beta %" in result.stdout, result.stdout + result.stderr
    result = edgesynth("benchmark", "bundle", "--duration-s", 0.05, "--warm-up-s", 0, "--idle-s", 0, cwd=path)
    found = json.loads((path / "bundle" / "result.json").read_text())
    (fp32,) = [one for one in found["measurements"] if one["precision"] == "fp32"]
    tested = json.loads((path / "test.json").read_text())["g001-c0"]
    assert found["metric"] == "F-beta" and fp32["accuracy_percent"] == pytest.approx(tested, abs=0.05)
    readme = (path / "bundle" / "README.md").read_text()
    assert "a map of log-odds an image" in readme and 'save("map.png")' in readme


def test_its_report_shows_ancestor_and_offspring_on_the_same_images(run, edgesynth):
    path, _ = run
    assert edgesynth("report", path, cwd=path).returncode == 0
    page = (path / "report.html").read_text()
    assert "Answers of g000-c0 and g001-c0 to 6 test images" in page and page.count("data:image/png") == 24
    assert "Validation F-beta" in page and "MAE" in page and "accuracy" not in page.lower().replace("min_accuracy", "")


def test_an_individual_is_bred_again_to_the_same_bits(run, console_script):
    path, _ = run
    result = console_script("replay", f"{path}:g001-c0", cwd=path.parents[1])
    assert result.returncode == 0, result.stdout
