"""Saliency from folders: layouts, splits, images and masks that move together, and what is broken."""

import os
import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from edgesynth.errors import UserError
from edgesynth.metrics.f_beta import f_beta, mean_absolute_error
from edgesynth.tasks import Split, load_task, register_task
from edgesynth.tasks.own.checking import check_task
from tests.tasks.shapes import write_shapes


@pytest.fixture
def root(tmp_path):
    return write_shapes(tmp_path / "shapes")


def stems(split):
    return [file.rpartition("/")[2].partition(".")[0] for file in split.images.files]


def test_one_pair_of_folders_is_split_into_70_10_20_always_in_the_same_way(root):
    one, other = load_task(f"masks:{root}", None, 32), load_task("masks", root, 32)
    parts = [one.train, one.validation, one.load_test()]
    assert [len(part.labels) for part in parts] == [7, 1, 2]
    assert sorted(stem for part in parts for stem in stems(part)) == [f"{place:03d}" for place in range(10)]
    assert stems(one.train) == stems(other.train) and one.notes == []
    check_task(one, "masks")


def test_a_mask_is_that_of_its_image_and_the_shape_is_the_bright_part(root):
    train = load_task(f"masks:{root}", None, 32).train
    images, masks = train.images[torch.arange(7)], train.targets
    assert images.shape == (7, 3, 32, 32) and masks.shape == (7, 1, 32, 32) and masks.dtype == torch.uint8
    for image, mask in zip(images, masks, strict=True):
        assert image[0][mask[0] > 0].mean() > image[0][mask[0] == 0].mean() + 2


def test_images_and_masks_are_shifted_mirrored_and_scaled_alike(root):
    task = load_task(f"masks:{root}", None, 32)
    masks = task.train.targets
    variants = task.draw_variants(7, torch.Generator().manual_seed(1))
    moved = task.augment_labels(masks, variants)
    alike = task.augment(masks.float(), variants)
    assert torch.equal(moved[(alike - 0.5).abs() > 0.499], alike[(alike - 0.5).abs() > 0.499].round().to(torch.uint8))
    assert set(moved.unique().tolist()) == {0, 1} and not torch.equal(moved, masks)
    assert torch.equal(task.augment_labels(masks, variants), moved)
    assert len(task.windows(variants)[0][:, 2].unique()) > 2


@pytest.mark.parametrize("names", [("imgs", "gt"), ("Images", "ground_truth_mask"), (".", ".")])
def test_the_layouts_of_the_data_sets_are_known(tmp_path, names):
    write_shapes(tmp_path / "data", images=names[0], masks=names[1])
    task = load_task(f"masks:{tmp_path / 'data'}", None, 16)
    assert len(task.train.labels) == 7 and task.train.targets.any()


def test_folders_named_train_and_test_are_the_splits_and_val_is_held_out_of_train(tmp_path):
    write_shapes(tmp_path / "train")
    write_shapes(tmp_path / "test", 3)
    task = load_task(f"masks:{tmp_path}", None, 16)
    assert [len(part.labels) for part in (task.train, task.validation, task.load_test())] == [9, 1, 3]
    write_shapes(tmp_path / "val", 2)
    task = load_task(f"masks:{tmp_path}", None, 16)
    assert [len(part.labels) for part in (task.train, task.validation)] == [10, 2]


def test_what_is_broken_is_left_out_counted_and_named(root):
    cut = root / "images" / "001.jpg"
    cut.write_bytes(cut.read_bytes()[:300])
    Image.new("L", (5, 5)).save(root / "masks" / "002.png")
    (root / "masks" / "003.png").unlink()
    (root / "images" / "004.jpg").write_text("no image")
    task = load_task(f"masks:{root}", None, 16)
    parts = [task.train, task.validation, task.load_test()]
    assert sorted(stem for part in parts for stem in stems(part)) == ["000", "005", "006", "007", "008", "009"]
    (note,) = task.notes
    assert "9 pairs, 4 files are skipped: 003.jpg has no mask; " in note and note.endswith("; and 1 more")
    odd = [part for part in note.split("; ") if "002.png is 5x5 and its image 002.jpg 40x28" in part]
    assert odd or "001.jpg cannot be read" in note


@pytest.mark.parametrize("mode", ["L", "CMYK", "I;16", "P"])
def test_gray_cmyk_16_bit_and_palette_images_are_read_as_color(root, mode):
    for path in sorted((root / "images").iterdir()):
        image = Image.open(path)
        path.unlink()
        if mode == "I;16":
            Image.fromarray(np.asarray(image.convert("L"), np.uint16) * 257).save(path.with_suffix(".png"))
        else:
            image.convert(mode).save(path.with_suffix(".tif"))
    train = load_task(f"masks:{root}", None, 32).train
    for image, mask in zip(train.images[torch.arange(7)], train.targets, strict=True):
        inside, outside = image[1][mask[0] > 0].mean(), image[1][mask[0] == 0].mean()
        assert inside > outside + 1 and outside < 0  # not clipped to white


def test_masks_of_0_and_1_are_those_of_0_and_255(root):
    before = load_task(f"masks:{root}", None, 32).train.targets
    for path in (root / "masks").iterdir():
        Image.fromarray(np.asarray(Image.open(path)) // 255).save(path)
    assert torch.equal(load_task(f"masks:{root}", None, 32).train.targets, before)


def test_images_of_one_pixel_and_empty_masks_are_taken_and_the_latter_told_of(root):
    Image.new("RGB", (1, 1)).save(root / "images" / "000.jpg")
    Image.new("L", (1, 1)).save(root / "masks" / "000.png")
    assert load_task(f"masks:{root}", None, 16).notes == [f"1 of 10 masks of {root} show nothing salient"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda root: root / "nowhere", "names no folder"),
        (lambda root: root / "masks", "has 0 images and 10 masks, none of the same name; give DIR/images"),
        (lambda root: write_shapes(root / "few", 2), "has 2 pairs of image and mask, too few to be split"),
        (
            lambda root: (write_shapes(root / "one" / "train", 2), root / "one")[1],
            "train has 2 pairs of image and mask",
        ),
    ],
)
def test_a_folder_of_no_known_layout_is_refused(root, make, message):
    with pytest.raises(UserError, match=message):
        load_task(f"masks:{make(root)}")


def test_a_folder_that_is_missing_or_given_twice_is_refused(root):
    with pytest.raises(UserError, match="needs its folder, as in --task masks:DIR"):
        load_task("masks")
    with pytest.raises(UserError, match="names its folder and --data-root is"):
        load_task(f"masks:{root}", root)


def test_no_more_than_the_bound_is_kept_and_the_rest_is_read_again(root):
    stack = load_task(f"masks:{root}", None, 16).train.images
    before = stack[torch.arange(7)]
    stack.kept.__init__(2 * 3 * 16 * 16)
    assert torch.equal(stack[torch.arange(7)], before)
    assert len(stack.kept.pixels) == 2 and stack.kept.bytes == 2 * 3 * 16 * 16


def test_a_stack_acts_as_the_tensor_that_it_stands_for(root):
    stack = load_task(f"masks:{root}", None, 16).train.images
    whole = stack[torch.arange(7)]
    assert stack.shape == whole.shape and len(stack) == 7
    assert torch.equal(torch.cat(list(stack.split(3))), whole)
    assert torch.equal(stack.part(torch.tensor([4, 1]))[torch.tensor([1, 0])], whole[[1, 4]])
    again = pickle.loads(pickle.dumps(stack))
    assert torch.equal(again[torch.arange(7)], whole) and len(pickle.dumps(stack)) < 10_000


def test_f_beta_of_a_map_that_is_known(root):
    """Half of the mask is found with certainty, the other half as much as a wrong pixel."""
    mask = torch.tensor([[[[1, 1, 0, 0, 0, 0, 0, 0]]]], dtype=torch.uint8)
    logits = torch.tensor([[[[20.0, -1.0, -1.0, -20, -20, -20, -20, -20]]]])
    # At the high level P = 1, R = 1/2; at the middle one P = 2/3, R = 1; at 0 P = 1/4, R = 1.
    high, middle = 1.3 * 0.5 / (0.3 + 0.5), 1.3 * (2 / 3) / (0.3 * 2 / 3 + 1)
    assert f_beta(logits.numpy(), mask.numpy()) == pytest.approx(100 * max(high, middle))
    assert mean_absolute_error(torch.zeros_like(logits).numpy(), mask.numpy()) == pytest.approx(0.5)


def test_f_beta_is_taken_of_averages_over_images_and_not_pixels():
    mask = torch.zeros(2, 1, 4, 4, dtype=torch.uint8)
    mask[0, 0, 0, 0], mask[1] = 1, 1
    logits = torch.where(mask > 0, 20.0, -20.0)
    logits[0, 0, 3, 3] = 20.0  # P = 1/2 in the image with one salient pixel, 1 in the other
    assert f_beta(logits.numpy(), mask.numpy()) == pytest.approx(100 * 1.3 * 0.75 / (0.3 * 0.75 + 1))
    assert np.isnan(f_beta(logits.fill_(float("nan")).numpy(), mask.numpy()))


def test_a_task_that_is_handed_over_has_another_name_when_its_files_change(root):
    one = register_task(load_task(f"masks:{root}", None, 16))
    assert register_task(load_task(f"masks:{root}", None, 16)) == one
    for path in (root / "images").iterdir():
        os.utime(path, (1, 1))
    assert register_task(load_task(f"masks:{root}", None, 16)) != one


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (torch.zeros(3, 1, 8, 8), r"are \(3, 1, 8, 8\) of float32; they must be \(N, 1, 16, 16\) of uint8"),
        (torch.full((3, 1, 16, 16), 255, dtype=torch.uint8), "run up to 255; they must be 0 or 1"),
    ],
)
def test_masks_of_another_form_are_refused(root, labels, message):
    task = load_task(f"masks:{root}", None, 16)
    broken = replace(task, train=Split(torch.zeros(3, 3, 16, 16), labels))
    with pytest.raises(UserError, match=message):
        check_task(broken, "mine")
