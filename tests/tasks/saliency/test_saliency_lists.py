"""The splits of MSRA-B and HKU-IS, from the lists that their downloads bring."""

import numpy as np
import pytest
from scipy.io import savemat

from edgesynth.errors import UserError
from edgesynth.tasks import load_task
from tests.tasks.shapes import write_shapes


def stems(split):
    return [file.rpartition("/")[2].partition(".")[0] for file in split.images.files]


def parts_of(root):
    task = load_task(f"masks:{root}", None, 16)
    return [stems(part) for part in (task.train, task.validation, task.load_test())], task.notes


def numbers(*values):
    return [f"{value:03d}" for value in values]


def write_cells(file, names):
    cells = np.empty((len(names), 1), object)
    cells[:, 0] = names
    savemat(str(file), {file.stem: cells})


@pytest.fixture
def msra_b(tmp_path):
    """Folders and lists as MSRA-B has them."""
    root = write_shapes(tmp_path / "MSRA-B", images="image", masks="annotation")
    for part, names in (("train", numbers(9, 0, 4, 2)), ("valid", numbers(1)), ("test", numbers(3, 5, 6))):
        (root / f"{part}_cvpr2013.txt").write_text("".join(f"{name}.png\r\n" for name in names))
        (root / f"{part}_cvpr2013_debug.txt").write_text("000.png\n")
    return root


def test_msra_b_is_split_by_its_own_lists_and_what_they_do_not_name_is_told_of(msra_b):
    parts, (note,) = parts_of(msra_b)
    assert parts == [numbers(9, 0, 4, 2), numbers(1), numbers(3, 5, 6)]
    assert note.endswith("2 files are skipped: 007.jpg is in no list; 008.jpg is in no list")


@pytest.mark.parametrize("validation", ["valImgSet.mat", "validImgSet.mat"])
def test_hku_is_is_split_by_the_cells_of_its_own_lists(tmp_path, validation):
    root = write_shapes(tmp_path / "HKU-IS", images="imgs", masks="gt")
    write_cells(root / "trainImgSet.mat", [f"{name}.png" for name in numbers(8, 7, 6, 5)])
    write_cells(root / validation, [f"{name}.png" for name in numbers(4, 3)])
    write_cells(root / "testImgSet.mat", [f"{name}.png" for name in numbers(0, 1, 2, 9)])
    parts, notes = parts_of(root)
    assert parts == [numbers(8, 7, 6, 5), numbers(4, 3), numbers(0, 1, 2, 9)] and notes == []


def test_lists_of_one_s_own_name_files_with_or_without_folder_and_suffix(tmp_path):
    root = write_shapes(tmp_path / "mine")
    (root / "train.txt").write_text("images/000.jpg\nmasks\\001.png\n\n002\n003\n004\n005\n006\n006\n")
    (root / "test.txt").write_text("007\n008\n009")
    (train, validation, test), _ = parts_of(root)
    assert sorted(train + validation) == numbers(*range(7)) and len(validation) == 1 and test == numbers(7, 8, 9)


DAMAGES = {
    "a missing file": (
        lambda root: (root / "image" / "004.jpg").unlink(),
        "train_cvpr2013.txt names 1 of 4 that are not there: 004 has no pair of image and mask; fetch the data again",
    ),
    "overlap": (
        lambda root: (root / "test_cvpr2013.txt").write_text("000\n003\n"),
        "test_cvpr2013.txt names 1 that another list has: 000 is in train_cvpr2013.txt",
    ),
    "an empty list": (lambda root: (root / "test_cvpr2013.txt").write_text("\n"), "test_cvpr2013.txt names nothing"),
    "no list of test": (
        lambda root: (root / "test_cvpr2013.txt").unlink(),
        "has train_cvpr2013.txt, valid_cvpr2013.txt and no list of test; add test.txt",
    ),
    "two lists": (
        lambda root: (root / "test.txt").write_text("003"),
        "several lists of test, test_cvpr2013.txt, test.txt; leave one",
    ),
    "no text": (lambda root: (root / "test_cvpr2013.txt").write_bytes(b"\xff\xfe\x00"), "cannot be read"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_lists_that_do_not_fit_the_folder_are_refused(msra_b, damage):
    spoil, message = DAMAGES[damage]
    spoil(msra_b)
    with pytest.raises(UserError, match=message):
        load_task(f"masks:{msra_b}", None, 16)


@pytest.mark.parametrize(
    "write", [lambda file: file.write_text("no matlab"), lambda file: savemat(str(file), {"a": [1.0, 2.0]})]
)
def test_cells_that_cannot_be_read_are_refused(tmp_path, write):
    root = write_shapes(tmp_path / "HKU-IS", images="imgs", masks="gt")
    write_cells(root / "trainImgSet.mat", ["000.png"])
    write(root / "testImgSet.mat")
    with pytest.raises(UserError, match=r"testImgSet\.mat cannot be read .*a cell array of names"):
        load_task(f"masks:{root}", None, 16)
