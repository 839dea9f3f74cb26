"""Files damaged at random, by the mutations of benchmarks/damaged_files: each is read, or refused in one line.

A seeded sample in this process, of what a bundle holds; the study damages a run as well and calls every command.
"""

import json
import os
import random
import shutil
import signal

import numpy as np
import pytest
import safetensors.torch
import torch

from benchmarks.damaged_files.damage import OTHER, kinds_of
from edgesynth.ancestors.weights.tensor_file import read_tensors
from edgesynth.benchmark.bundle.bundle import open_target, sha256_of
from edgesynth.benchmark.measure.run import measure
from edgesynth.benchmark.measure.settings import Settings
from edgesynth.benchmark.result.comparison import compare
from edgesynth.benchmark.result.comparison_table import format_comparisons
from edgesynth.benchmark.result.result_reader import read_results
from edgesynth.benchmark.verify.verification import verify
from edgesynth.boards.calibration_cache import read_ranges
from edgesynth.errors import UserError
from edgesynth.lineage import resolve
from edgesynth.planning.plan.plan import plan_for_all, read_forms
from tests.benchmark.conftest import pristine_bundle, pristine_tensorrt_bundle

assert pristine_bundle and pristine_tensorrt_bundle  # fixtures

SECONDS = 10
QUICK = Settings((1,), 0.01, 0.0, 1, 0.0)


class HangError(Exception):
    """What was called did not end."""


@pytest.fixture(autouse=True)
def alarm():
    def ring(*_):
        raise HangError

    before = signal.signal(signal.SIGALRM, ring)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def read_or_refused(read, path):
    """None if it is read, else the refusal, which is one line."""
    signal.alarm(SECONDS)
    try:
        read(path)
    except UserError as error:
        assert len(str(error).splitlines()) == 1
        return str(error)
    finally:
        signal.alarm(0)
    return None


def forge(folder, name):
    """Enter a damaged file into the manifest, so that it is read and not refused by its sum."""
    manifest = json.loads((folder / "manifest.json").read_text())
    if name in manifest["files"] and (folder / name).is_file():
        manifest["files"][name]["sha256"] = sha256_of(str(folder / name))
        (folder / "manifest.json").write_text(json.dumps(manifest))


def plan(folder):
    target = open_target(folder)
    forms = {key: model.path for key, model in target.models.items()}
    read_ranges(os.path.join(folder, "ranges.json"))
    plan_for_all(read_forms(forms), "8.2", os.path.join(folder, "ranges.json"))


@pytest.mark.parametrize("name", ["manifest.json", "samples.npz", "ranges.json", "model.onnx", "model.int8.onnx"])
@pytest.mark.parametrize("read", [plan, verify])
def test_a_damaged_bundle_is_read_or_refused(pristine_tensorrt_bundle, tmp_path, name, read):
    draws, refused = random.Random(f"{name} {read.__name__}"), 0
    kinds = kinds_of(pristine_tensorrt_bundle / name)
    for number, kind in enumerate(sorted(kinds)):
        folder = shutil.copytree(pristine_tensorrt_bundle, tmp_path / str(number))
        kinds[kind](folder / name, draws)
        if name != "manifest.json":
            forge(folder, name)
        refused += read_or_refused(read, str(folder)) is not None
    assert refused >= len(kinds) // 3


@pytest.fixture(scope="module")
def results(pristine_bundle, tmp_path_factory):
    from edgesynth.benchmark.result.result import write_result

    folder = tmp_path_factory.mktemp("results")
    for name in ("a.json", "b.json"):
        write_result(str(folder / name), measure(open_target(str(pristine_bundle)), settings=QUICK))
    return folder


def compared(folder):
    os.chdir(folder)
    first, second = read_results(["a.json", "b.json"])
    return format_comparisons(first, [second], [compare(first, second, 5.0, 0.5, anyway=True)])


def test_a_damaged_result_is_refused_or_says_the_same(results, tmp_path, monkeypatch):
    """A result has no other file to be held against: its own sum tells."""
    monkeypatch.chdir(results)  # and back in the end
    draws, sound = random.Random(0), compared(results)
    kinds = kinds_of(results / "b.json")
    del kinds[OTHER]  # a result of its own
    for number, kind in enumerate([*sorted(kinds), *["JSON changed"] * 30]):
        folder = shutil.copytree(results, tmp_path / str(number))
        kinds[kind](folder / "b.json", draws)
        said = []
        refusal = read_or_refused(lambda path: said.append(compared(path)), str(folder))  # noqa: B023
        if refusal is None:
            assert said == [sound]
        else:
            assert "b.json" in refusal


TENSORS = {"conv.weight": torch.arange(18.0).reshape(2, 1, 3, 3), "fc.bias": torch.zeros(10)}


@pytest.mark.parametrize("name", ["w.safetensors", "w.pth", "old.pth"])
def test_damaged_weights_are_read_or_refused_by_name(tmp_path, name):
    if name.endswith(".pth"):
        torch.save(TENSORS, tmp_path / name, _use_new_zipfile_serialization=name != "old.pth")
    else:
        safetensors.torch.save_file(TENSORS, tmp_path / name)
    draws, content = random.Random(name), (tmp_path / name).read_bytes()
    kinds = kinds_of(tmp_path / name)
    for number, kind in enumerate(sorted(kinds) * 4):
        path = tmp_path / str(number) / name
        path.parent.mkdir()
        path.write_bytes(content)
        kinds[kind](path, draws)
        refusal = read_or_refused(read_tensors, path)
        assert refusal is None or f"--weights {path} " in refusal
    assert not list(tmp_path.rglob("owned"))


def test_a_damaged_configuration_is_read_or_refused_by_name(tmp_path):
    path = tmp_path / "config.toml"
    text = 'ancestor = "lenet5"\ntask = "digits"\ngenerations = 2\nkeep = 0.5\nbatch_size = 64\n'
    draws = random.Random(0)
    for kind, mutate in sorted(kinds_of(path).items()):
        for _ in range(6):
            path.write_text(text)
            mutate(path, draws)
            refusal = read_or_refused(lambda given: resolve(given, {}), path)
            assert refusal is None or "config.toml" in refusal, kind
            if path.is_dir() and not path.is_symlink():
                path.rmdir()
            elif path.exists() or path.is_symlink():
                path.unlink()


def test_a_batch_of_twenty_digits_is_refused_by_its_option(tmp_path, edgesynth, refused):
    result = edgesynth("evolve", "--batch-size", "9" * 20, "--run", "run", cwd=tmp_path)
    refused(result, "--batch-size is 99999999999999999999", "less than or equal to 1048576")
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_no_utf8_is_refused_in_one_line(tmp_path, edgesynth, refused):
    name = os.fsdecode(b"mod\xffel.onnx")
    (tmp_path / name).write_bytes(b"no model")
    for command in (["benchmark", name], ["plan", name], ["verify", name], ["compare", name, name + "2"]):
        refused(edgesynth(*command, cwd=tmp_path), "el.onnx")


def test_a_weights_file_that_unpacks_to_more_than_itself_is_refused(tmp_path):
    import zipfile

    torch.save({"w": torch.zeros(1 << 16)}, tmp_path / "w.pth")
    with zipfile.ZipFile(tmp_path / "w.pth") as plain, zipfile.ZipFile(tmp_path / "p.pth", "w", 8) as packed:
        for entry in plain.namelist():
            packed.writestr(entry, plain.read(entry))
    assert torch.equal(read_tensors(tmp_path / "w.pth")["w"], torch.zeros(1 << 16))
    with pytest.raises(
        UserError, match=r"p.pth has [\d,]+ bytes that would unpack to 26\d,\d{3}, which torch.save never"
    ):
        read_tensors(tmp_path / "p.pth")


def test_samples_that_claim_another_shape_are_refused_before_they_are_read(pristine_tensorrt_bundle, tmp_path):
    folder = shutil.copytree(pristine_tensorrt_bundle, tmp_path / "bundle")
    with np.load(folder / "samples.npz") as arrays:
        changed = {**arrays, "images": np.full((16, 1, 8, 8), np.nan, np.float32)}
    np.savez(folder / "samples.npz", **changed)
    forge(folder, "samples.npz")
    assert "samples.npz holds images that are not finite" in read_or_refused(open_target, str(folder))


def test_a_plan_opens_no_samples(pristine_tensorrt_bundle, tmp_path):
    folder = shutil.copytree(pristine_tensorrt_bundle, tmp_path / "bundle")
    (folder / "samples.npz").unlink()
    os.mkfifo(folder / "samples.npz")
    assert "samples.npz is no file and the manifest lists it" in read_or_refused(open_target, str(folder))
    assert read_or_refused(lambda path: open_target(path, samples=False), str(folder)) is None
