"""The README inside a bundle is typed as it stands, in the bundle's folder, without edgesynth."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from edgesynth.boards.calibration_cache import write_cache
from edgesynth.export.bundle.readme import readme as readmes
from edgesynth.export.bundle.readme import snippets
from edgesynth.export.bundle.readme.snippets import trtexec
from edgesynth.tasks import load_task
from edgesynth.tasks.classification.imagefolder import imagefolder
from edgesynth.tasks.task.presentation import Presentation, presentation_of
from tests.tasks.scenes import write_voc


@pytest.fixture(scope="module")
def text(exported):
    return (exported.path / "README.md").read_text()


@pytest.fixture
def manifest(exported):
    """A copy that a test may change."""
    return json.loads(json.dumps(exported.manifest))


def blocks(text, language):
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def readme(manifest):
    return readmes.readme(manifest, presentation_of(manifest["output"]["decoding"]["form"]))


def onnxruntime_python(manifest):
    return snippets.onnxruntime_python(manifest, presentation_of(manifest["output"]["decoding"]["form"]))


def run(code, folder):
    done = subprocess.run([sys.executable, "-I", "-c", code], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("batch", [None, 4])
def test_the_python_lines_preprocess_a_raw_digit_as_in_training(exported, manifest, task, batch, tmp_path):
    """The first test image, as a PNG of 8x8 pixels, gets the answer that the bundle expects."""
    from sklearn.datasets import load_digits

    images, _ = task.load_test()
    order = torch.randperm(1797, generator=torch.Generator().manual_seed(0))
    raw = load_digits().images[order[-len(images)]]
    Image.fromarray(raw.astype(np.uint8)).save(tmp_path / "image.png")
    for name in ("model.onnx", "manifest.json"):
        (tmp_path / name).write_bytes((exported.path / name).read_bytes())
    manifest["models"]["fp32"]["batch"] = batch
    code = onnxruntime_python(manifest) + "\nprint(pixels.tobytes().hex(), logits.tobytes().hex())"
    label, figures = run(code, tmp_path).splitlines()
    pixels, logits = (np.frombuffer(bytes.fromhex(one), np.float32) for one in figures.split())
    with np.load(exported.path / "samples.npz") as samples:
        expected = samples["expected"][0]
    assert np.abs(pixels - images[0].numpy().ravel()).max() < 1e-5
    assert np.abs(logits - expected).max() < 1e-3
    assert label == str(expected.argmax())


@pytest.mark.parametrize("shape", [(50, 71), (400, 15)])
def test_color_images_are_resized_and_cropped_as_the_task_reads_them(manifest, shape, tmp_path):
    draws = np.random.default_rng(0)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for place in range(12):
            Image.fromarray(draws.integers(0, 256, (*shape, 3), np.uint8)).save(tmp_path / name / f"{place}.png")
    (tmp_path / "image.png").write_bytes((tmp_path / "a" / "3.png").read_bytes())
    task = imagefolder(tmp_path, 32)
    manifest["preprocessing"] = task.preprocessing
    manifest["input"]["shape"] = [3, 32, 32]
    code = onnxruntime_python(manifest).split("session =")[0] + "print(pixels.shape, pixels.tobytes().hex())"
    shape, figures = run(code, tmp_path).rsplit(" ", 1)
    pixels = np.frombuffer(bytes.fromhex(figures), np.float32).reshape(3, 32, 32)
    every = np.concatenate([split.images.numpy() for split in (task.train, task.validation, task.load_test())])
    assert shape == "(1, 3, 32, 32)"
    assert np.abs(every - pixels).max(axis=(1, 2, 3)).min() < 1e-5


def test_images_of_a_detector_are_fitted_to_its_square_as_the_task_reads_them(manifest, tmp_path):
    task = load_task("voc", write_voc(tmp_path / "data", 5), 48)
    first = task.train.images.files[0]
    Image.open(first).save(tmp_path / "image.png")
    manifest["preprocessing"], manifest["input"]["shape"] = task.preprocessing, [3, 48, 48]
    code = onnxruntime_python(manifest).split("session =")[0] + "print(pixels.tobytes().hex())"
    pixels = np.frombuffer(bytes.fromhex(run(code, tmp_path)), np.float32).reshape(3, 48, 48)
    assert np.abs(pixels - task.train.images[torch.tensor([0])][0].numpy()).max() < 1e-5


def test_preprocessing_of_another_kind_is_left_to_the_manifest_and_a_sample_is_shown(exported, manifest):
    manifest["preprocessing"] = {"wavelet": "haar"}
    label = run(onnxruntime_python(manifest), exported.path).strip()
    with np.load(exported.path / "samples.npz") as samples:
        assert label == str(samples["expected"][0].argmax())
    assert "Preprocess an image as `preprocessing` in manifest.json says" in readme(manifest)


def test_the_calibration_cache_is_the_one_that_edgesynth_writes_on_the_board(exported, text, tmp_path):
    (tmp_path / "ranges.json").write_bytes((exported.path / "ranges.json").read_bytes())
    run(blocks(text, "python")[0], tmp_path)
    write_cache(str(tmp_path / "ranges.json"), str(tmp_path / "ours.cache"), "8.2.1.8")
    assert (tmp_path / "calibration.cache").read_text() == (tmp_path / "ours.cache").read_text()


def test_trtexec_gets_shapes_where_the_batch_is_free_and_none_where_it_is_fixed(manifest):
    assert trtexec(manifest, "fp32", "fp16.plan", "--fp16 --workspace=1024") == (
        "/usr/src/tensorrt/bin/trtexec --onnx=model.onnx --fp16 --workspace=1024 --minShapes=images:1x1x28x28 "
        "--optShapes=images:1x1x28x28 --maxShapes=images:8x1x28x28 --saveEngine=fp16.plan"
    )
    manifest["models"]["fp32"]["batch"] = 4
    assert "Shapes" not in trtexec(manifest, "fp32", "fp16.plan", "--fp16")


def test_boards_without_int8_are_given_fp16_and_those_with_it_the_qdq_file(manifest, text):
    fp16, qdq, typed, cache = [line for block in blocks(text, "sh") for line in block.splitlines()]
    assert "--onnx=model.onnx --fp16 " in fp16
    assert "--onnx=model.int8.onnx --int8 --fp16 " in qdq
    assert "--onnx=model.fp16.onnx --memPoolSize=workspace:1024 " in typed
    assert "--onnx=model.onnx --int8 --fp16 --calib=calibration.cache" in cache
    del manifest["models"]["int8"]
    assert "model.int8.onnx" not in readme(manifest)


def test_it_tells_of_every_file_figure_and_forebear_and_of_the_license(exported, manifest, text):
    for file in exported.manifest["files"].keys() - {"README.md"} | {"manifest.json"}:
        assert f"`{file}`" in text
    for hop in exported.ledger.hops:
        assert re.search(rf"^\| {re.escape(hop.hop)} \|.* {hop.accuracy_percent:.2f} \|", text, re.MULTILINE)
    for one in exported.manifest["lineage"]:
        assert re.search(rf"^\| {one['name']} \|.* {one['synapses']:,} \|", text, re.MULTILINE)
    assert text.endswith("Of the weights: not stated.\n")
    manifest["license"] = "CC-BY-4.0"
    assert readme(manifest).endswith("Of the weights: CC-BY-4.0.\n")


def test_it_says_on_which_processors_the_file_for_cpus_is_exact(manifest, text):
    assert "`model.int8-cpu.onnx`. It is exact on every processor" in text
    manifest["models"]["int8-cpu"]["exact_on"] = "vnni"
    assert "exact on ARM and on x86 with VNNI or AMX" in readme(manifest)
    assert "exact on every processor" not in readme(manifest)


def test_newer_opsets_are_said_to_be_newer_than_what_tensorrt_8_2_documents(manifest, text):
    assert "documents opset 13" not in text
    manifest["models"]["fp32"]["opset"] = 17
    assert "documents opset 13 as its newest, and this file is opset 17" in readme(manifest)


def test_a_map_becomes_a_picture_and_answers_of_an_unknown_form_are_printed(tmp_path):
    manifest = {
        "models": {"fp32": {"file": "model.onnx", "batch": None}},
        "input": {"name": "images", "shape": [3, 2, 2]},
        "output": {"decoding": {"form": "map", "steps": ["sigmoid"]}},
        "preprocessing": {},
        "samples": {"pixels": False},
    }
    _, _, decode = onnxruntime_python(manifest).partition("logits = ")
    code = "import numpy as np\nlogits = np.array([[[9.0, -9.0], [0.0, 99.0]]])\n" + decode.partition("\n")[2]
    run(code, tmp_path)
    assert np.asarray(Image.open(tmp_path / "map.png")).tolist() == [[255, 0], [128, 255]]
    manifest["output"]["decoding"]["form"] = "tea leaves"
    assert onnxruntime_python(manifest).endswith("\nprint(logits)")


def test_a_presentation_of_the_users_fills_the_readme(manifest):
    class Angles(Presentation):
        output_text = "{0} angles an image, in radians"
        decoding_code = ("print(np.degrees(logits))",)
        tensorrt_note = "Angles are exact in FP16."

        def preprocessing_code(self, steps, shape):
            return ["from mine import read", f"pixels = read({shape!r})"]

    text = readmes.readme(manifest, Angles())
    assert "10 angles an image, in radians." in text and "Angles are exact in FP16.\n\nEngines are built" in text
    code = blocks(text, "python")[-1].splitlines()
    assert code[2:4] == ["from mine import read", "pixels = read([1, 28, 28])"]
    assert code[-1] == "print(np.degrees(logits))"
