"""Detection from a folder to a verified bundle and a report, on drawn scenes; both kinds of head."""

import json
import subprocess
import sys

import onnx
import pytest

from tests.tasks.scenes import write_kitti, write_voc

# Of the forms of the detectors, and small enough to be traced and trained in a moment.
TINY = """
from edgesynth.ancestors.zoo.detectnet import DetectNet
from edgesynth.ancestors.zoo.yolov2 import TinyYoloV2

def yolo(num_classes):
    return TinyYoloV2((8, 16, 32), (32,), num_classes, pooled=False)

def detectnet(num_classes):
    return DetectNet(("3a",), 8, num_classes)
"""
QUICK = (
    "--generations 1 --offspring 1 --epochs 2 --final-epochs 2 --batch-size 4 --keep 0.7 --learning-rate 0.01 "
    "--strength magnitude --min-accuracy 0 --threads 1"
)


def bred(root, edgesynth, ancestor, task, *options):
    (root / "tiny.py").write_text(TINY)
    result = edgesynth("evolve", "--ancestor", ancestor, "--task", task, *QUICK.split(), *options, cwd=root)
    assert result.returncode == 0, result.stdout + result.stderr
    (path,) = (root / "runs").iterdir()
    return path, result.stdout


@pytest.fixture(scope="module")
def run(tmp_path_factory, edgesynth):
    root = tmp_path_factory.mktemp("detection")
    write_voc(root / "scenes", 30)
    (root / "scenes" / "JPEGImages" / "007.jpg").write_text("no image")
    return bred(root, edgesynth, "tiny:yolo", "voc:scenes", "--image-size", 32, "--ancestor-epochs", 40)


def test_the_run_tells_of_its_metric_and_of_what_it_left_out(run):
    path, told = run
    assert "Data: of scenes, 30 images, 1 files are skipped: scenes/JPEGImages/007.jpg is no image" in told
    assert "test mAP@0.5 " in told and "accuracy" not in told
    tested = json.loads((path / "test.json").read_text())
    assert tested["g000-c0"] > 20
    assert 0 < json.loads((path / "extra_metrics.json").read_text())["g001-c0"]["mAP@0.5:0.95"] < 1


def test_its_bundle_is_verified_and_scored_on_the_board_s_side(run, edgesynth):
    path, _ = run
    for command in (
        f"export {path} --int8 --max-int8-loss 30 --samples 8 -o {path / 'bundle'}",
        f"verify {path / 'bundle'}",
    ):
        result = edgesynth(*command.split(), cwd=path.parents[1])
        assert result.returncode == 0 and "mAP@0.5 %" in result.stdout, result.stdout + result.stderr
    manifest = json.loads((path / "bundle" / "manifest.json").read_text())
    decoding = manifest["output"]["decoding"]
    assert decoding["head"] == "yolov2" and len(decoding["anchors"]) == 5 and manifest["labels"] == ["ball", "crate"]
    result = edgesynth("benchmark", "bundle", "--duration-s", 0.05, "--warm-up-s", 0, "--idle-s", 0, cwd=path)
    found = json.loads((path / "bundle" / "result.json").read_text())
    (fp32,) = [one for one in found["measurements"] if one["precision"] == "fp32"]
    tested = json.loads((path / "test.json").read_text())["g001-c0"]
    assert found["metric"] == "mAP@0.5" and fp32["accuracy_percent"] == pytest.approx(tested, abs=0.5)


def test_the_readme_of_its_bundle_finds_the_boxes_without_edgesynth(run, tmp_path):
    path, _ = run
    bundle = path / "bundle"
    text = (bundle / "README.md").read_text()
    assert "- `boxes.py`: from the output to boxes" in text and "a grid of 4x4 cells with 35 channels" in text
    code = text.split("## ONNX Runtime")[1].split("```python\n")[1].split("```")[0]
    assert "if score >= 0.3:" in code
    code = code.replace("score >= 0.3", "score >= 0.02")  # it has learned for seconds only
    for name in ("model.onnx", "manifest.json", "boxes.py"):
        (tmp_path / name).write_bytes((bundle / name).read_bytes())
    image = path.parents[1] / "scenes" / "JPEGImages" / "000.jpg"
    (tmp_path / "image.png").write_bytes(image.read_bytes())
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = [line.split(" ", 2) for line in done.stdout.splitlines()]
    assert lines and all(name in ("ball", "crate") and 0.02 <= float(score) <= 1 for name, score, _ in lines)


def test_a_bundle_that_decodes_within_its_files_is_verified_scored_and_run_from_its_readme(run, edgesynth, tmp_path):
    path, _ = run
    bundle = path / "inside"
    options = "--nms-in-graph --tensorrt 8.2 --int8 --max-int8-loss 30 --samples 8"
    result = edgesynth("export", path, *options.split(), "-o", bundle, cwd=path.parents[1])
    assert result.returncode == 0, result.stderr
    lines = [line.split() for line in result.stdout.splitlines() if " nms " in line]
    assert [line[1] for line in lines] == ["fp32", "fp16", "int8", "int8-cpu"]
    assert all(float(line[-4]) < 1e-4 and abs(float(line[-2])) <= 0.1 for line in lines)
    manifest = json.loads((bundle / "manifest.json").read_text())
    output = manifest["output"]
    assert (output["name"], output["shape"], output["decoding"]["form"]) == ("detections", [100, 6], "detections")
    quantized = {
        node.name for node in onnx.load(str(bundle / "model.int8.onnx")).graph.node if "Quantize" in node.op_type
    }
    assert quantized and not any(name.startswith("decode/") for name in quantized)
    assert not (bundle / "boxes.py").exists()
    result = edgesynth("verify", bundle, cwd=tmp_path)
    assert result.returncode == 0 and "all as exported" in result.stdout, result.stdout + result.stderr
    result = edgesynth("benchmark", bundle, "--duration-s", 0.05, "--warm-up-s", 0, "--idle-s", 0, cwd=tmp_path)
    found = json.loads((bundle / "result.json").read_text())
    (fp32,) = [one for one in found["measurements"] if one["precision"] == "fp32"]
    tested = json.loads((path / "test.json").read_text())["g001-c0"]
    assert found["metric"] == "mAP@0.5" and fp32["accuracy_percent"] == pytest.approx(tested, abs=0.5)
    code = (bundle / "README.md").read_text().split("## ONNX Runtime")[1].split("```python\n")[1].split("```")[0]
    (tmp_path / "image.png").write_bytes((path.parents[1] / "scenes" / "JPEGImages" / "000.jpg").read_bytes())
    for name in ("model.onnx", "manifest.json"):
        (tmp_path / name).write_bytes((bundle / name).read_bytes())
    code = code.replace("score >= 0.3", "score >= 0.02")  # it has learned for seconds only
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.split()[0] in ("ball", "crate"), done.stderr


def test_its_report_shows_truth_ancestor_and_offspring(run, edgesynth):
    path, _ = run
    assert edgesynth("report", path, cwd=path).returncode == 0
    page = (path / "report.html").read_text()
    assert "Answers of g000-c0 and g001-c0 to 6 test images" in page and page.count("data:image/png") == 18
    assert "Validation mAP@0.5" in page and "truth" in page and ">crate<" in page


def test_an_individual_is_bred_again_to_the_same_bits(run, console_script):
    path, _ = run
    result = console_script("replay", f"{path}:g001-c0", cwd=path.parents[1])
    assert result.returncode == 0, result.stdout


def test_detectnet_on_kitti_s_layout_learns_and_says_how_its_output_is_decoded(tmp_path, edgesynth):
    write_kitti(tmp_path / "frames", 30)
    options = ("--image-size", 48, "--ancestor-epochs", 25)
    path, _ = bred(tmp_path, edgesynth, "tiny:detectnet", "kitti:frames", *options)
    assert json.loads((path / "test.json").read_text())["g000-c0"] > 10
    result = edgesynth("export", path, "-o", path / "bundle", cwd=tmp_path)
    assert result.returncode == 0 and "mAP@0.5 %" in result.stdout, result.stdout + result.stderr
    manifest = json.loads((path / "bundle" / "manifest.json").read_text())
    assert manifest["output"]["shape"] == [6, 6, 6] and manifest["output"]["decoding"]["head"] == "detectnet"
