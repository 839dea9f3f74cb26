"""Segmentation by generative synthesis from a folder to a verified bundle and a report, on drawn shapes."""

import json

import pytest

from edgesynth.evolution.generative.netscore import net_score
from tests.tasks.shapes import write_camvid

# Of the form of the segmentation networks, and small enough to be traced in a moment.
TINY = """
from torch import nn

def build(num_classes):
    layers = [nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 16, 3, padding=1)]
    layers += [nn.ReLU(), nn.Conv2d(16, num_classes, 1), nn.Upsample(scale_factor=2.0, mode="bilinear")]
    return nn.Sequential(*layers)
"""
QUICK = (
    "--image-size 32 --ancestor-epochs 6 --strategy generative --probes 2 --probe-epochs 1 --generations 1 --epochs 1 "
    "--final-epochs 4 --batch-size 8 --learning-rate 0.02 --keep 0.3 --max-params 1000 --min-accuracy 5 --threads 1"
)


@pytest.fixture(scope="module")
def run(tmp_path_factory, edgesynth):
    root = tmp_path_factory.mktemp("segmentation")
    write_camvid(root / "roads", 24, 4, 6)
    (root / "roads" / "train" / "007.png").write_text("no image")
    (root / "tiny.py").write_text(TINY)
    options = [*QUICK.split(), "--class-weights", "median-frequency", "--run", "run"]
    result = edgesynth("evolve", "--ancestor", "tiny:build", "--task", "camvid:roads", *options, cwd=root)
    assert result.returncode == 0, result.stdout + result.stderr
    return root / "run", result.stdout


def test_generative_synthesis_scores_networks_by_the_task_s_metric(run):
    path, told = run
    assert "of roads, 34 pairs, 1 files are skipped: roads/train/007.png is no image" in told and "test mIoU " in told
    record = json.loads((path / "individuals" / "g001-c0" / "individual.json").read_text())
    census = record["census"]
    assert census["params"] < 1200  # of 1,587
    score = net_score(record["validation"], census["params"] / 1e6, census["macs"] / 1e9)
    assert record["synthesis"]["performance_db"] == pytest.approx(score)
    beside = json.loads((path / "extra_metrics.json").read_text())
    assert 0.2 < beside["g001-c0"]["pixel accuracy"] < 1


def test_its_bundle_is_verified_and_scored_by_miou(run, edgesynth):
    path, _ = run
    for command in (f"export {path} --int8 --samples 16 -o {path / 'bundle'}", f"verify {path / 'bundle'}"):
        result = edgesynth(*command.split(), cwd=path.parent)
        assert result.returncode == 0 and "mIoU %" in result.stdout, result.stdout + result.stderr
    edgesynth("benchmark", "bundle", "--duration-s", 0.05, "--warm-up-s", 0, "--idle-s", 0, cwd=path)
    found = json.loads((path / "bundle" / "result.json").read_text())
    (fp32,) = [one for one in found["measurements"] if one["precision"] == "fp32"]
    tested = json.loads((path / "test.json").read_text())["g001-c0"]
    assert found["metric"] == "mIoU" and fp32["accuracy_percent"] == pytest.approx(tested, abs=0.2)
    readme = (path / "bundle" / "README.md").read_text()
    assert "11 maps of scores an image" in readme and 'save("classes.png")' in readme


def test_its_report_shows_what_both_say_of_the_same_images_and_names_the_colors(run, edgesynth):
    path, _ = run
    assert edgesynth("report", path, cwd=path).returncode == 0
    page = (path / "report.html").read_text()
    assert "Answers of g000-c0 and g001-c0 to 6 test images" in page and page.count("data:image/png") == 24
    assert "Validation mIoU" in page and ">road</text>" in page and "pixel accuracy" in page


def test_an_individual_is_bred_again_to_the_same_bits(run, console_script):
    path, _ = run
    result = console_script("replay", f"{path}:g001-c0", cwd=path.parent)
    assert result.returncode == 0, result.stdout
