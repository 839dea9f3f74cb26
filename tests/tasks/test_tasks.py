import gzip
import struct

import numpy as np
import pytest
import torch

from edgesynth.errors import UserError
from edgesynth.tasks import load_task
from edgesynth.tasks.classification.idx import read_idx


def rows(images):
    return {image.numpy().tobytes() for image in images}


def test_digits_are_split_into_three_without_a_digit_in_common():
    task = load_task("digits")
    test = task.load_test()
    assert [len(split.labels) for split in (task.train, task.validation, test)] == [1197, 300, 300]
    assert task.input_shape == (1, 28, 28)
    train, validation, held_out = (rows(split.images) for split in (task.train, task.validation, test))
    assert not train & validation and not train & held_out and not validation & held_out


def test_digits_are_normalized_by_the_training_images():
    images = load_task("digits").train.images
    assert images.mean().abs() < 1e-4 and (images.std() - 1).abs() < 1e-4


def test_the_metric_is_the_share_of_right_answers_in_percent():
    logits = torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    assert load_task("digits").metric(logits, torch.tensor([1, 0, 0, 1])) == 75.0


def test_mnist_reads_the_real_files_in_their_order(data_root):
    task = load_task("mnist", data_root)
    test = task.load_test()
    assert (len(task.train.labels), len(task.validation.labels), len(test.labels)) == (55_000, 5_000, 10_000)
    assert test.labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert test.images.shape == (10_000, 1, 28, 28)
    everything = torch.cat([task.train.images, task.validation.images])
    assert abs(everything.mean().item()) < 1e-3 and abs(everything.std().item() - 1) < 1e-3


def test_an_unknown_task_is_refused_with_the_known_ones():
    with pytest.raises(UserError, match="no task 'mnits'; the tasks are cifar10, digits, mnist"):
        load_task("mnits")


def test_mnist_without_a_root_says_what_to_give():
    with pytest.raises(UserError, match="--data-root"):
        load_task("mnist")


def test_a_root_without_the_files_says_which_layout_is_meant(tmp_path):
    with pytest.raises(UserError, match="MNIST/raw"):
        load_task("mnist", tmp_path)


def idx(values):
    values = np.asarray(values, np.uint8)
    return struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape) + values.tobytes()


@pytest.mark.parametrize("packed", [False, True])
def test_idx_is_read_plain_and_gzipped(tmp_path, packed):
    values = np.arange(24).reshape(2, 3, 4)
    path = tmp_path / ("values.gz" if packed else "values")
    path.write_bytes(gzip.compress(idx(values)) if packed else idx(values))
    assert np.array_equal(read_idx(path), values)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("short", idx(np.zeros((2, 3)))[:-1], "17 bytes and its header promises 18"),
        ("long", idx(np.zeros((2, 3))) + b"x", "19 bytes and its header promises 18"),
        ("header", idx(np.zeros((2, 3)))[:6], "cut short within its header"),
        ("empty", b"", "not an IDX file"),
        ("text", b"hello", "not an IDX file"),
        ("float", b"\0\0\x0d\x01\0\0\0\x01abcd", "not an IDX file of unsigned bytes"),
        ("short.gz", gzip.compress(idx(np.zeros((20, 30))), mtime=0)[:-12], "damaged or cut short"),
        ("text.gz", b"hello", "damaged or cut short"),
    ],
)
def test_a_damaged_idx_file_is_named_with_what_is_wrong(tmp_path, name, data, message):
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(UserError, match=message) as error:
        read_idx(path)
    assert str(path) in str(error.value)
