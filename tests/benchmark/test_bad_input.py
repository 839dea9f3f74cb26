"""Each mistake of a user: exit code 2, one line that names it, no traceback, nothing written."""

import json
import shutil

import numpy as np
import pytest

from .conftest import read_npz, write_classifier, write_manifest


def _manifest(folder, text):
    (folder / "manifest.json").write_text(text)


def _change(folder, **changes):
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest.update(changes)
    _manifest(folder, json.dumps(manifest))


def _flip_a_byte(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _no_model(folder, content):
    (folder / "model.onnx").write_bytes(content)
    write_manifest(folder)


def _truncate_samples(folder):
    content = (folder / "samples.npz").read_bytes()
    (folder / "samples.npz").write_bytes(content[: len(content) // 2])
    write_manifest(folder)


def _single_array(folder):
    with open(folder / "samples.npz", "wb") as file:
        np.save(file, np.zeros(3))
    write_manifest(folder)


def _pixels(folder, **levels):
    arrays = read_npz(folder)
    np.savez(folder / "samples.npz", **dict(arrays, images=(arrays["images"] > 0).astype(np.uint8), **levels))
    write_manifest(folder)


def _pickled_samples(folder):
    arrays = read_npz(folder)
    np.savez(folder / "samples.npz", **dict(arrays, images=np.array([{"any": "object"}])))
    write_manifest(folder)


def _without_int8(folder):
    (folder / "model.int8-cpu.onnx").unlink()
    write_manifest(folder)


def _other_input(folder):
    write_classifier(folder / "model.onnx", height="height")
    write_manifest(folder)


def _keep(folder):
    """Leave the bundle as it is: the mistake is in the arguments."""


# name: (what is done to the bundle, arguments after the bundle, what the line must say)
DAMAGED = {
    "the bundle is gone": (shutil.rmtree, [], "does not exist; give the folder that `edgesynth export` wrote"),
    "no manifest": (lambda f: (f / "manifest.json").unlink(), [], "is a folder without manifest.json"),
    "manifest is not JSON": (lambda f: _manifest(f, "{"), [], "manifest.json is not JSON"),
    "manifest is a list": (lambda f: _manifest(f, "[]"), [], "is not a manifest of edgesynth: it is not a JSON object"),
    "manifest without schema": (lambda f: _change(f, schema=None), [], "schema is None"),
    "manifest of tomorrow": (lambda f: _change(f, schema=4), [], "has schema 4 and this edgesynth reads up to 3"),
    "manifest without models": (lambda f: _change(f, models=None), [], "models is missing or no object"),
    "file outside the bundle": (lambda f: _change(f, files={"../x": {}}), [], "is not a plain file name"),
    "model that is not listed": (lambda f: _change(f, files={}), [], "which `files` does not list"),
    "task is a word": (lambda f: _change(f, task="digits"), [], "task is missing or no object"),
    "input shape is words": (lambda f: _change(f, input={"shape": ["C"]}), [], "input.shape is ['C']"),
    "a listed file is missing": (
        lambda f: (f / "model.int8-cpu.onnx").unlink(),
        [],
        "model.int8-cpu.onnx is missing and the manifest lists it; export again or restore the file",
    ),
    "a file was changed": (
        lambda f: _flip_a_byte(f / "model.onnx"),
        [],
        "model.onnx is not the file that was exported: its sha256 differs",
    ),
    "model is not ONNX": (lambda f: _no_model(f, b"once upon a time"), [], "model.onnx is not an ONNX model"),
    "model is empty": (lambda f: _no_model(f, b""), [], "model.onnx is not an ONNX model"),
    "model of another shape": (_other_input, [], "height is not fixed"),
    "samples are cut off": (_truncate_samples, [], "samples.npz cannot be read"),
    "samples are one array": (_single_array, [], "samples.npz cannot be read"),
    "pixels without their levels": (_pixels, [], "samples.npz cannot be read"),
    "pixels with levels of another channel": (
        lambda f: _pixels(f, levels=np.zeros((2, 256), np.float32)),
        [],
        "samples.npz cannot be read (images [16, 1, 8, 8] of pixels with levels [2, 256])",
    ),
    "samples are pickled": (_pickled_samples, [], "samples.npz cannot be read"),
    "samples of another shape": (
        lambda f: write_manifest(f, input={"shape": [1, 28, 28]}),
        [],
        "for input [1, 28, 28]",
    ),
    "bundle without int8": (_without_int8, ["--precision", "int8"], "make one with: edgesynth export ... --int8"),
}
ARGUMENTS = {
    "unknown engine": (["--engine", "abacus"], "there is no engine 'abacus'; choose from: onnxruntime, tensorrt"),
    "TensorRT that is not here": (
        ["--engine", "tensorrt"],
        "the engine tensorrt needs TensorRT for Python, which cannot be imported here (No module named 'tensorrt')",
    ),
    "unknown precision": (
        ["--precision", "fp32,int3"],
        "there is no precision 'int3' on onnxruntime; choose from: fp32",
    ),
    "no precision": (["--precision", ","], "--precision is ','"),
    "batch 0": (["--batch", "0"], "the batch is 0; it must be 1 to 4096"),
    "batch -1": (["--batch", "1,-1"], "the batch is -1"),
    "batch in words": (["--batch", "abc"], "--batch is 'abc'"),
    "batch beyond memory": (["--batch", "1000000000"], "the batch is 1000000000"),
    "duration 0": (["--duration-s", "0"], "--duration-s is 0.0; it must be above 0"),
    "negative duration": (["--duration-s", "-1"], "--duration-s is -1.0"),
    "duration nan": (["--duration-s", "nan"], "--duration-s is nan"),
    "endless duration": (["--duration-s", "inf"], "--duration-s is inf"),
    "negative warm-up": (["--warm-up-s", "-0.5"], "--warm-up-s is -0.5"),
    "negative rest": (["--idle-s", "-1"], "--idle-s is -1.0; it must be 0 or more"),
    "endless rest": (["--idle-s", "inf"], "--idle-s is inf"),
    "no threads": (["--threads", "0"], "--threads is 0; it must be 1 to 256"),
    "threads beyond reason": (["--threads", "1000000"], "--threads is 1000000"),
    "unknown scenario": (
        ["--scenario", "server"],
        "there is no scenario 'server'; choose from: plain, single-stream, offline",
    ),
    "one image at a time, eight asked for": (
        ["--scenario", "single-stream", "--batch", "8"],
        "measures one image at a time and the batch is 8",
    ),
    "unknown way to wait": (["--wait", "sleep"], "--wait is 'sleep'; choose from: spin, block"),
    "unknown source of ranges": (["--calibrate", "guess"], "--calibrate is 'guess'; choose from: ranges, samples"),
    "nothing to wait for": (
        ["--wait", "block"],
        "--wait block was given and onnxruntime computes on the CPU, where there is nothing to wait for",
    ),
    "output in no folder": (["-o", "absent/result.json"], "the folder"),
    "output is a folder": (["-o", "."], ". is a folder; give the result a file name"),
}
CASES = dict(DAMAGED, **{name: (_keep, arguments, fragment) for name, (arguments, fragment) in ARGUMENTS.items()})


def _all_files(folder):
    return sorted(str(path) for path in folder.rglob("*"))


@pytest.mark.parametrize("case", CASES)
def test_a_mistake_is_one_line_and_nothing_is_written(case, bundle, edgesynth, tmp_path):
    damage, arguments, fragment = CASES[case]
    damage(bundle)
    before = _all_files(tmp_path)
    code, out, err = edgesynth("benchmark", bundle, *arguments)
    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    assert line.startswith("edgesynth: ")
    assert fragment in line
    assert _all_files(tmp_path) == before


def test_a_file_of_another_kind_is_refused(edgesynth, tmp_path):
    (tmp_path / "weights.pt").write_bytes(b"PK")
    code, _, err = edgesynth("benchmark", "weights.pt")
    assert (code, err) == (
        2,
        "edgesynth: weights.pt is neither a bundle's folder nor an .onnx file; give one of the two\n",
    )


def test_a_duration_in_words_is_a_usage_error(edgesynth, bundle):
    code, _, err = edgesynth("benchmark", bundle, "--duration-s", "long")
    problem = "edgesynth: Invalid value for '--duration-s': 'long' is not a valid float"
    assert (code, err) == (2, problem + "; see edgesynth benchmark --help\n")
