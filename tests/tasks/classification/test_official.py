"""CIFAR-10, STL-10 and SVHN in the forms of their official downloads, small."""

import numpy as np
import pytest
import torch
from scipy.io import savemat

from edgesynth.errors import UserError
from edgesynth.optional import torchvision
from edgesynth.tasks import Stored, load_task
from edgesynth.tasks.classification.cifar10 import cifar10
from edgesynth.tasks.classification.stl10 import stl10
from edgesynth.tasks.classification.svhn import svhn
from edgesynth.tasks.images.normalization import DEVIATION, MEAN


def write_cifar10(root, count=8):
    """Five files of `count` records and one for test; the first pixel of each channel is (label, file, place)."""
    folder = root / "cifar-10-batches-bin"
    folder.mkdir(parents=True)
    draws = np.random.default_rng(0)
    for number, name in enumerate([*(f"data_batch_{one}" for one in range(1, 6)), "test_batch"]):
        content = draws.integers(0, 256, (count, 3073), np.uint8)
        content[:, 0] = np.arange(count) % 10
        content[:, 1], content[:, 1 + 1024], content[:, 1 + 2048] = content[:, 0], number, np.arange(count)
        content.tofile(folder / f"{name}.bin")
    return root


def write_stl10(root, count=20):
    folder = root / "stl10_binary"
    folder.mkdir(parents=True)
    draws = np.random.default_rng(0)
    for part in ("train", "test"):
        draws.integers(0, 256, (count, 3 * 96 * 96), np.uint8).tofile(folder / f"{part}_X.bin")
        (1 + np.arange(count, dtype=np.uint8) % 10).tofile(folder / f"{part}_y.bin")
    (folder / "class_names.txt").write_text("airplane\n")
    (folder / "fold_indices.txt").write_text("0\n")
    (folder / "unlabeled_X.bin").write_bytes(b"")
    return root


def write_svhn(root, count=20):
    root.mkdir(parents=True, exist_ok=True)
    draws = np.random.default_rng(0)
    for part in ("train", "test"):
        images = draws.integers(0, 256, (32, 32, 3, count), np.uint8)
        savemat(root / f"{part}_32x32.mat", {"X": images, "y": 1 + np.arange(count)[:, None] % 10})
    return root


WRITERS = {"cifar10": (write_cifar10, cifar10), "stl10": (write_stl10, stl10), "svhn": (write_svhn, svhn)}


def pixels(split):
    images = split.images[torch.arange(len(split.labels))]
    mean, deviation = (torch.tensor(values)[:, None, None] for values in (MEAN, DEVIATION))
    return (255 * (images * deviation + mean)).round().to(torch.uint8)


@pytest.mark.parametrize("name", WRITERS)
def test_its_folder_may_stand_in_the_task_s_name_or_be_the_root(tmp_path, name):
    write, _ = WRITERS[name]
    write(tmp_path)
    named, given = load_task(f"{name}:{tmp_path}"), load_task(name, tmp_path)
    assert torch.equal(named.train.images, given.train.images) and len(named.labels) == 10
    assert "officially" in named.notes[0]


@pytest.mark.parametrize("name", WRITERS)
def test_what_does_not_fit_into_memory_is_held_as_pixels_and_is_the_same(tmp_path, name):
    write, build = WRITERS[name]
    write(tmp_path)
    held, packed = build(tmp_path), build(tmp_path, 1000)
    assert isinstance(packed.train.images, Stored) and not isinstance(held.train.images, Stored)
    for one, other in (
        (held.train, packed.train),
        (held.validation, packed.validation),
        (held.load_test(), packed.load_test()),
    ):
        assert torch.equal(one.images, other.images[torch.arange(len(other.labels))])
        assert torch.equal(one.labels, other.labels)


def test_cifar_10_has_the_label_s_own_image_and_a_tenth_for_validation(tmp_path):
    task = load_task("cifar10", write_cifar10(tmp_path))
    assert [len(part.labels) for part in (task.train, task.validation, task.load_test())] == [36, 4, 8]
    for part in (task.train, task.validation, task.load_test()):
        assert torch.equal(pixels(part)[:, 0, 0, 0].long(), part.labels)
    seen = [tuple(one) for part in (task.train, task.validation) for one in pixels(part)[:, 1:, 0, 0].tolist()]
    assert sorted(seen) == [(number, place) for number in range(5) for place in range(8)]
    content = np.fromfile(tmp_path / "cifar-10-batches-bin/test_batch.bin", np.uint8).reshape(8, 3073)
    assert np.array_equal(pixels(task.load_test()).numpy(), content[:, 1:].reshape(8, 3, 32, 32))


@pytest.mark.parametrize(("name", "kind"), [("stl10", "STL10"), ("svhn", "SVHN")])
def test_pixels_and_labels_are_those_that_torchvision_reads(tmp_path, name, kind, monkeypatch):
    write, _ = WRITERS[name]
    write(tmp_path)
    torchvision()
    from torchvision import datasets

    monkeypatch.setattr(getattr(datasets, kind), "_check_integrity", lambda self: True, raising=False)
    monkeypatch.setattr("torchvision.datasets.svhn.check_integrity", lambda *given: True)
    theirs = getattr(datasets, kind)(str(tmp_path), split="test")
    ours = load_task(name, tmp_path).load_test()
    assert np.array_equal(pixels(ours).numpy(), theirs.data)
    assert ours.labels.tolist() == theirs.labels.tolist()


def test_the_pickled_form_of_cifar_10_is_refused_with_the_archive_to_take(tmp_path):
    (tmp_path / "cifar-10-batches-py").mkdir()
    (tmp_path / "cifar-10-batches-py" / "data_batch_1").write_bytes(b"never read")
    for root in (tmp_path, tmp_path / "cifar-10-batches-py"):
        with pytest.raises(
            UserError, match=r"made of pickles, and these are never opened; unpack cifar-10-binary.tar.gz"
        ):
            load_task("cifar10", root)
    (tmp_path / "packed").mkdir()
    (tmp_path / "packed" / "cifar-10-binary.tar.gz").write_bytes(b"")
    with pytest.raises(UserError, match="is packed still; unpack it there: tar -xzf"):
        load_task("cifar10", tmp_path / "packed")


@pytest.mark.parametrize(
    ("name", "file", "damage", "message"),
    [
        ("cifar10", "data_batch_2.bin", lambda content: content[:-1], "has 24,583 bytes, which is no whole number"),
        ("cifar10", "test_batch.bin", None, "lacks test_batch.bin; unpack"),
        (
            "cifar10",
            "data_batch_3.bin",
            lambda content: b"\x0b" + content[1:],
            "labels from 1 to 11; they must lie within 0",
        ),
        ("stl10", "train_y.bin", lambda content: content[:-1], "has 20 images and 19 labels for train"),
        ("stl10", "train_X.bin", None, r"holds no train_X.bin, nor does stl10_binary in it"),
        ("svhn", "train_32x32.mat", lambda content: content[:-50], "cannot be read .* fetch it again"),
        ("svhn", "train_32x32.mat", lambda content: b"hello", "cannot be read .* fetch it again"),
        ("svhn", "test_32x32.mat", None, "lacks test_32x32.mat; put"),
    ],
)
def test_what_is_damaged_or_missing_is_refused_by_name(tmp_path, name, file, damage, message):
    write, _ = WRITERS[name]
    write(tmp_path)
    (path,) = tmp_path.rglob(file)
    if damage is None:
        path.unlink()
    else:
        path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UserError, match=message):
        load_task(name, tmp_path)


@pytest.mark.parametrize("name", WRITERS)
def test_without_a_folder_or_with_two_the_task_is_refused(tmp_path, name):
    with pytest.raises(UserError, match=f"the task {name} needs its folder, as in --task {name}:DIR"):
        load_task(name)
    with pytest.raises(UserError, match="names no folder"):
        load_task(f"{name}:{tmp_path / 'nowhere'}")
    with pytest.raises(UserError, match="names its folder and --data-root is"):
        load_task(f"{name}:{tmp_path}", tmp_path)


def test_digits_of_a_folder_are_refused(tmp_path):
    with pytest.raises(UserError, match="digits come with scikit-learn and need no folder"):
        load_task(f"digits:{tmp_path}")
