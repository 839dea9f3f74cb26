"""Segmentation from folders: layouts, splits, void pixels, masks that move with their images, and what is broken."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from edgesynth.errors import UserError
from edgesynth.metrics.mean_iou import mean_iou, pixel_accuracy
from edgesynth.tasks import Split, load_task
from edgesynth.tasks.own.checking import check_task
from edgesynth.tasks.segmentation.class_weights import median_frequency
from tests.tasks.shapes import write_camvid, write_voc

VOID = 255


def stems(split):
    return [file.rpartition("/")[2].partition(".")[0] for file in split.images.files]


@pytest.fixture
def camvid(tmp_path):
    return write_camvid(tmp_path / "camvid")


@pytest.fixture
def voc(tmp_path):
    return write_voc(tmp_path / "voc")


def test_camvid_s_folders_are_its_splits_and_11_is_void(camvid):
    task = load_task(f"camvid:{camvid}", None, 32)
    assert [len(part.labels) for part in (task.train, task.validation, task.load_test())] == [8, 3, 3]
    assert len(task.labels) == 11 and task.labels[8] == "car" and task.answer_shape == (11, 32, 32)
    labels = task.train.targets
    assert labels.shape == (8, 32, 32) and labels.dtype == torch.uint8
    assert set(labels.unique().tolist()) == {0, 3, 8, VOID}
    check_task(task, "camvid")


def test_a_mask_is_that_of_its_image(camvid):
    train = load_task(f"camvid:{camvid}", None, 32).train
    for image, mask in zip(train.images[torch.arange(8)], train.targets, strict=True):
        assert image[0][mask == 8].mean() > image[0][mask == 3].mean() + 1  # the car is the bright part


def test_images_and_masks_are_shifted_mirrored_and_scaled_alike(camvid):
    task = load_task(f"camvid:{camvid}", None, 32)
    masks = task.train.targets
    variants = task.draw_variants(8, torch.Generator().manual_seed(1))
    moved = task.augment_labels(masks, variants)
    alike = task.augment(masks[:, None].float(), variants)[:, 0]
    assert moved.dtype == masks.dtype and set(moved.unique().tolist()) <= set(masks.unique().tolist())
    # Apart from the edges, over which the image is interpolated and the mask is not.
    assert ((moved - alike).abs() < 1e-3).float().mean() > 0.75 and not torch.equal(moved, masks)
    assert len(task.windows(variants)[0][:, 2].unique()) > 2


def test_without_val_and_test_train_is_split_always_in_the_same_way(camvid, tmp_path):
    for part in ("val", "test"):
        for name in (part, f"{part}annot"):
            (camvid / name).rename(tmp_path / name)
    one, other = load_task(f"camvid:{camvid}", None, 32), load_task("camvid", camvid, 32)
    assert [len(part.labels) for part in (one.train, one.validation, one.load_test())] == [5, 1, 2]
    assert stems(one.train) == stems(other.train)
    for name in ("test", "testannot"):
        (tmp_path / name).rename(camvid / name)
    assert [len(load_task(f"camvid:{camvid}", None, 32).train.labels)] == [7]


def test_voc_is_found_from_above_its_palette_is_no_color_and_val_is_its_test(voc):
    task = load_task(f"voc-segmentation:{voc.parent}", None, 32)
    train, validation, test = task.train, task.validation, task.load_test()
    assert stems(test) == ["008", "009"] and sorted(stems(train) + stems(validation)) == [f"00{i}" for i in range(8)]
    assert set(train.targets.unique().tolist()) == {0, 7, VOID} and task.labels[7] == "car" and len(task.labels) == 21
    (voc / "ImageSets/Segmentation/test.txt").write_text("010\n")  # without its mask, as VOC gives it
    assert stems(load_task(f"voc-segmentation:{voc}", None, 32).load_test()) == ["008", "009"]
    (voc / "ImageSets/Segmentation/test.txt").write_text("007\n")
    (voc / "ImageSets/Segmentation/train.txt").write_text("000\n001\n")
    task = load_task(f"voc-segmentation:{voc}", None, 32)
    assert [stems(part) for part in (task.train, task.validation, task.load_test())] == [
        ["000", "001"],
        ["008", "009"],
        ["007"],
    ]


def test_an_image_in_two_of_voc_s_lists_is_refused(voc):
    (voc / "ImageSets/Segmentation/val.txt").write_text("007\n008\n009\n")
    with pytest.raises(
        UserError, match=r"val.txt names 1 that another list has: 007 is in train.txt; a split must not"
    ):
        load_task(f"voc-segmentation:{voc}", None, 32)


def test_classes_of_one_s_own_are_read_from_their_file(camvid):
    for path in camvid.glob("*annot/*.png"):
        numbers = np.asarray(Image.open(path))
        Image.fromarray(np.select([numbers == 8, numbers == 11], [1, 255], 0).astype(np.uint8)).save(path)
    (camvid / "classes.txt").write_text("ground\nthing\n")
    task = load_task(f"camvid:{camvid}", None, 16)
    assert task.labels == ["ground", "thing"] and set(task.train.targets.unique().tolist()) == {0, 1, VOID}
    (camvid / "classes.txt").write_text("ground\nground\n")
    with pytest.raises(UserError, match=r"classes.txt names 2 classes, 1 of them different"):
        load_task(f"camvid:{camvid}", None, 16)


def test_what_is_broken_is_left_out_counted_and_named(camvid):
    cut = camvid / "train" / "001.png"
    cut.write_bytes(cut.read_bytes()[:200])
    masks = camvid / "trainannot"
    Image.new("L", (5, 5)).save(masks / "002.png")
    Image.open(masks / "003.png").point(lambda number: number + 30).save(masks / "003.png")
    Image.open(masks / "004.png").convert("RGB").save(masks / "004.png")
    (masks / "005.png").unlink()
    task = load_task(f"camvid:{camvid}", None, 16)
    assert stems(task.train) == ["000", "006", "007"]
    assert "13 pairs, 5 files are skipped: 005.png has no mask; " in task.notes[0]
    for place in (0, 6, 7):
        (masks / f"00{place}.png").write_text("no image")
    with pytest.raises(UserError, match=r"none of the 7 pairs of .* for train is sound"):
        load_task(f"camvid:{camvid}", None, 16)


@pytest.mark.parametrize(
    ("value", "message"), [(30, "holds the number 30; the 11 classes have 0 to 10"), (None, "RGB")]
)
def test_a_mask_of_other_numbers_or_of_colors_is_named(camvid, value, message):
    for path in (camvid / "testannot").iterdir():
        image = Image.open(path)
        (Image.new("L", image.size, value) if value else image.convert("RGB")).save(path)
    with pytest.raises(UserError, match=message):
        load_task(f"camvid:{camvid}", None, 16)


def test_a_class_without_a_pixel_to_learn_from_is_told_of(camvid):
    (note,) = load_task(f"camvid:{camvid}", None, 16).notes
    assert note.startswith("no pixel to learn from in ") and "building, pole, pavement" in note and "car" not in note


@pytest.mark.parametrize(
    ("task", "make", "message"),
    [
        ("camvid", lambda root: root / "nowhere", "names no folder"),
        ("camvid", lambda root: root / "train", "has no train; give DIR/train/NAME.png with DIR/trainannot"),
        ("camvid", lambda root: [(root / "trainannot").rename(root / "x"), root][1], "has no trainannot; give"),
        ("voc-segmentation", lambda root: root, "has no JPEGImages; give DIR/JPEGImages/NAME.jpg"),
    ],
)
def test_a_folder_of_another_layout_is_refused(camvid, task, make, message):
    with pytest.raises(UserError, match=message):
        load_task(f"{task}:{make(camvid)}")


def test_a_voc_without_its_lists_or_of_several_years_is_refused(voc):
    write_voc(voc.parent / "other")
    with pytest.raises(UserError, match=r"holds .*other, .*voc; give one of them"):
        load_task(f"voc-segmentation:{voc.parent}")
    (voc / "ImageSets/Segmentation/train.txt").unlink()
    with pytest.raises(UserError, match=r"has no train.txt that names an image"):
        load_task(f"voc-segmentation:{voc}")


def test_masks_of_void_alone_are_refused(camvid):
    for path in (camvid / "valannot").iterdir():
        Image.new("L", Image.open(path).size, 11).save(path)
    with pytest.raises(UserError, match="no pixel of the masks of validation is of a class"):
        load_task(f"camvid:{camvid}", None, 16)


def scores(numbers, classes):
    return torch.nn.functional.one_hot(torch.tensor(numbers), classes).movedim(-1, 1).float()


def test_miou_counts_over_all_images_leaves_void_out_and_classes_that_nobody_names():
    labels = torch.tensor([[[0, 0, 1, VOID]], [[1, 1, 1, 1]]], dtype=torch.uint8)
    told = scores([[[0, 1, 1, 0]], [[1, 1, 2, 0]]], 4)
    # class 0: 1 of 3 (two true, one more told); class 1: 3 of 6; class 2: 0 of 1; class 3 is in neither.
    assert mean_iou(told.numpy(), labels.numpy()) == pytest.approx(100 * (1 / 3 + 3 / 6 + 0) / 3)
    assert pixel_accuracy(told.numpy(), labels.numpy()) == pytest.approx(4 / 7)
    assert np.isnan(mean_iou(told.fill_(float("nan")).numpy(), labels.numpy()))


def test_median_frequency_weighs_by_the_images_in_which_a_class_occurs():
    labels = torch.tensor([[[0, 0, 0, 1]], [[0, 0, 2, VOID]]], dtype=torch.uint8)
    # frequencies: 5 of 7, 1 of 4, 1 of 3; their median is 1/3. Class 3 occurs nowhere.
    assert median_frequency(labels, 4) == pytest.approx([(1 / 3) / (5 / 7), (1 / 3) / (1 / 4), 1.0, 1.0])


def test_the_loss_is_that_of_torch_leaves_void_out_and_a_batch_of_void_is_no_nan(camvid):
    task = load_task(f"camvid:{camvid}", None, 32, "median-frequency")
    labels = task.train.targets[:2]
    outputs = torch.randn(2, 11, 32, 32, generator=torch.Generator().manual_seed(0))
    weights = torch.tensor(median_frequency(task.train.labels, 11))
    expected = torch.nn.functional.cross_entropy(outputs, labels.long(), weights, ignore_index=VOID)
    assert task.loss(outputs, labels).item() == pytest.approx(expected.item(), rel=1e-5)
    plain = load_task(f"camvid:{camvid}", None, 32).loss(outputs, labels).item()
    assert plain != pytest.approx(expected.item(), rel=1e-3)
    assert task.loss(outputs, torch.full_like(labels, VOID)).item() == 0


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (torch.zeros(3, 1, 16, 16, dtype=torch.uint8), r"they must be \(N, 16, 16\) of uint8"),
        (torch.full((3, 16, 16), 12, dtype=torch.uint8), "run up to 12 and 11 classes are named"),
        (torch.full((3, 16, 16), VOID, dtype=torch.uint8), "are all 255, which is void"),
    ],
)
def test_masks_of_another_form_are_refused(camvid, labels, message):
    task = load_task(f"camvid:{camvid}", None, 16)
    with pytest.raises(UserError, match=message):
        check_task(replace(task, train=Split(torch.zeros(3, 3, 16, 16), labels)), "mine")
