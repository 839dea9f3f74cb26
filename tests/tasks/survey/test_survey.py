"""`data check`'s survey: which layout a folder is of, what of it is broken, whether it can be trained on."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from edgesynth.errors import UserError
from edgesynth.tasks import SIZED, TASKS, load_task
from edgesynth.tasks.classification.cifar10 import cifar10
from edgesynth.tasks.classification.imagefolder import imagefolder
from edgesynth.tasks.survey import survey
from edgesynth.tasks.survey.boxes import look_at_boxes
from edgesynth.tasks.survey.layouts import LAYOUTS, recognized
from edgesynth.tasks.survey.memory import held_bytes
from tests.tasks import scenes, shapes
from tests.tasks.classification.test_official import write_cifar10, write_stl10, write_svhn
from tests.tasks.own.test_own_tasks import write_images
from tests.tasks.shapes import write_shapes

VOC = "<annotation><filename>{}.jpg</filename>{}</annotation>"
OBJECT = "<object><name>{}</name><bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax></bndbox></object>"


def write_voc(root):
    """Six annotations of 40x30: sound, of no area, outside, empty, no XML, no image."""
    for folder in ("JPEGImages", "Annotations"):
        (root / folder).mkdir(parents=True)
    bodies = {
        "sound": OBJECT.format("cat", 1, 1, 41, 30) + OBJECT.format("dog", 2, 2, 9, 9),
        "flat": OBJECT.format("cat", 5, 5, 5, 9),
        "outside": OBJECT.format("dog", 5, 5, 60, 9),
        "empty": "",
        "torn": "<object>",
        "lost": OBJECT.format("cat", 1, 1, 9, 9),
    }
    for name, body in bodies.items():
        (root / "Annotations" / f"{name}.xml").write_text(VOC.format(name, body))
        if name != "lost":
            Image.new("RGB", (40, 30)).save(root / "JPEGImages" / f"{name}.jpg")
    return root


def write_kitti(root):
    for folder in ("image_2", "label_2"):
        (root / "training" / folder).mkdir(parents=True)
    Image.new("RGB", (40, 30)).save(root / "training/image_2/000.png")
    lines = [
        "Car 0 0 0 1 1 9 9 " + "0 " * 7,
        "Car 0 0 0 9 9 9 12 " + "0 " * 7,
        "DontCare -1 -1 -10 0 0 90 90 " + "-1 " * 7,
    ]
    (root / "training/label_2/000.txt").write_text("\n".join(lines))
    (root / "training/label_2/001.txt").write_text("Car 0 0 0 x 1 9 9")
    for name in ("001", "002"):
        Image.new("RGB", (40, 30)).save(root / f"training/image_2/{name}.png")
    return root


def write_photographs(root):
    """Pairs in one folder, named as cameras name them."""
    write_shapes(root, images=".", masks=".")
    for place, file in enumerate(sorted(root.glob("*.jpg"))):
        file.rename(file.with_suffix((".JPG", ".jpeg")[place % 2]))


def write_digits_kitti(root):
    """KITTI as DIGITS wants it, split."""
    write_kitti(root)
    for part in ("train", "val"):
        shutil.copytree(root / "training/image_2", root / part / "images")
        shutil.copytree(root / "training/label_2", root / part / "labels")
    shutil.rmtree(root / "training")


def write_coco(root):
    (root / "images").mkdir(parents=True)
    Image.new("RGB", (40, 30)).save(root / "images/a.jpg")
    boxes = [(1, [1, 1, 9, 9]), (1, [1, 1, 0, 9]), (1, [30, 1, 20, 9]), (7, [1, 1, 2, 2])]
    content = {
        "images": [{"id": 5, "file_name": "a.jpg"}, {"id": 6, "file_name": "b.jpg"}],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [{"image_id": 5, "category_id": kind, "bbox": box} for kind, box in boxes],
    }
    (root / "instances.json").write_text(json.dumps(content))
    return root


def write_exported_coco(root):
    """COCO as annotation tools export it."""
    write_coco(root)
    (root / "images").rename(root / "train")
    (root / "instances.json").rename(root / "train" / "_annotations.coco.json")


@pytest.mark.parametrize(
    ("write", "task"),
    [
        (lambda root: write_images(root, 12), "imagefolder"),
        (lambda root: [write_images(root / part, 3) for part in ("train", "test")], "imagefolder"),
        (write_shapes, "masks"),
        (lambda root: write_shapes(root, images=".", masks="."), "masks"),
        (lambda root: write_photographs(root), "masks"),
        (lambda root: write_shapes(root / "train"), "masks"),
        (lambda root: write_shapes(root, images="train", masks="trainannot"), "camvid"),
        (lambda root: write_shapes(root, images="JPEGImages", masks="SegmentationClass"), "voc-segmentation"),
        (lambda root: shapes.write_voc(root / "VOCdevkit" / "VOC2012"), "voc-segmentation"),
        (write_voc, "voc"),
        (lambda root: write_voc(root / "VOC2012"), "voc"),
        (lambda root: write_voc(root / "VOCdevkit" / "VOC2012"), "voc"),
        (write_kitti, "kitti"),
        (write_digits_kitti, "kitti"),
        (write_coco, "coco"),
        (write_exported_coco, "coco"),
        (write_cifar10, "cifar10"),
        (write_stl10, "stl10"),
        (write_svhn, "svhn"),
    ],
)
def test_every_layout_is_told_from_the_others(tmp_path, write, task):
    root = tmp_path / "data"
    root.mkdir()
    write(root) if task not in ("voc", "kitti", "coco") else write(root / "in")
    layout = recognized(root / "in" if (root / "in").is_dir() else root)
    assert layout is not None and layout.task == task


def test_a_sound_folder_is_usable_and_its_classes_are_counted(tmp_path):
    found, task = survey(write_images(tmp_path / "data", 20), 8)
    assert found.usable and found.task == f"imagefolder:{tmp_path / 'data'}" and found.images == 40
    assert {name: sum(counts.values()) for name, counts in found.splits.items()} == {
        "train": 28,
        "validation": 6,
        "test": 6,
    }
    assert sum(counts["cat"] for counts in found.splits.values()) == 20
    assert task is not None and found.broken == {} == found.converted


def test_what_is_broken_and_what_is_converted_is_told_by_file(tmp_path):
    root = write_images(tmp_path / "data", 12)
    whole = (root / "cat" / "3.png").read_bytes()
    (root / "cat" / "3.png").write_bytes(whole[: len(whole) // 2])
    Image.new("L", (9, 9)).save(root / "dog" / "gray.png")
    Image.new("CMYK", (9, 9)).save(root / "dog" / "cmyk.jpg")
    Image.fromarray(np.full((9, 9), 900, np.uint16)).save(root / "dog" / "deep.png")
    Image.new("RGBA", (9, 9)).save(root / "dog" / "glass.png")
    Image.new("RGB", (1, 1)).save(root / "dog" / "one.png")
    Image.new("RGB", (8000, 6000)).save(root / "dog" / "large.png")
    found, _ = survey(root, 8)
    (cut,) = found.broken["image cannot be read"]
    assert "3.png cannot be read as an image" in cut and found.usable
    assert {kind: [file.rpartition("/")[2] for file in files] for kind, files in found.converted.items()} == {
        "gray": ["gray.png"],
        "CMYK": ["cmyk.jpg"],
        "16 bits": ["deep.png"],
        "transparent": ["glass.png"],
        "a side of 1 pixel": ["one.png"],
        "above 20 megapixels": ["large.png"],
    }
    assert sum(sum(counts.values()) for counts in found.splits.values()) == 29


def test_what_the_task_would_refuse_is_an_obstacle_in_its_words(tmp_path):
    root = write_images(tmp_path / "data", 12)
    (root / "emu").mkdir()
    found, task = survey(root, 8)
    assert not found.usable and task is None and "has no image of emu" in found.obstacles[0]


def test_a_mask_of_another_size_is_told_and_masks_are_not_called_gray(tmp_path):
    root = write_shapes(tmp_path)
    Image.new("L", (5, 5)).save(root / "masks" / "002.png")
    found, _ = survey(root, 16)
    assert found.usable and "002.png is 5x5 and its image 002.jpg 40x28" in found.notes[0] and not found.converted


def test_boxes_of_voc_are_counted_as_training_uses_them(tmp_path):
    counts, wrong = look_at_boxes("voc", write_voc(tmp_path / "data"), {}, None)
    assert counts == {"cat": 1, "dog": 2}
    assert wrong.pop("annotation cannot be read")[0].startswith("torn.xml is no XML that can be read (mismatched tag")
    assert wrong == {
        "annotation without an image": ["lost has no image"],
        "box of no area": ["the cat at (5, 4, 5, 9) of flat.jpg has no area"],
        "box cut at the edge of its image": [
            "the dog at (4, 4, 60, 9) of outside.jpg reaches outside its image of 40x30"
        ],
    }


def test_boxes_of_kitti_and_coco_are_counted_as_training_uses_them(tmp_path):
    counts, wrong = look_at_boxes("kitti", write_kitti(tmp_path / "kitti"), {}, None)
    assert counts == {"Car": 1}
    assert {kind: len(where) for kind, where in wrong.items()} == {
        "line that is no label": 1,
        "box of no area": 1,
        "image without an annotation": 1,
    }
    counts, wrong = look_at_boxes("coco", write_coco(tmp_path / "coco"), {}, None)
    assert counts == {"cat": 2}
    assert {kind: len(where) for kind, where in wrong.items()} == {
        "box of an unknown class": 1,
        "annotation without an image": 1,
        "box of no area": 1,
        "box cut at the edge of its image": 1,
    }


def test_what_is_told_of_boxes_is_what_training_is_given(tmp_path):
    root = scenes.write_voc(tmp_path / "data", 14)
    for place, spoil in enumerate((lambda whole: whole[:300], lambda whole: b"no image")):
        file = root / "JPEGImages" / f"00{place}.jpg"
        file.write_bytes(spoil(file.read_bytes()))
    (root / "Annotations" / "002.xml").write_text(scenes.voc_xml([("ball", 5, 5, 5, 20), ("ball", 5, 5, 30, 30)]))
    found, task = survey(root, 32)
    parts = (task.train, task.validation, task.load_test())
    kinds = [int(kind) for part in parts for kind in part.targets[..., 0].flatten() if kind >= 0]
    assert found.boxes == {name: kinds.count(number) for number, name in enumerate(task.labels)}
    assert sum(found.boxes.values()) == 23 and sum(one["images"] for one in found.splits.values()) == 12
    assert {kind: len(where) for kind, where in found.broken.items()} == {
        "image cannot be read": 2,
        "box of no area": 1,
    }


def test_boxes_of_classes_that_are_not_trained_are_told_of_by_file_and_not_counted(tmp_path):
    root = scenes.write_voc(tmp_path / "data", 14)
    (root / "classes.txt").write_text("ball\ncrate\n")
    (root / "Annotations" / "002.xml").write_text(scenes.voc_xml([("alien", 5, 5, 20, 20), ("ball", 5, 5, 30, 30)]))
    found, task = survey(root, 32)
    parts = (task.train, task.validation, task.load_test())
    assert sum(found.boxes.values()) == 27 == sum(int((part.targets[..., 0] >= 0).sum()) for part in parts)
    assert found.boxes.keys() == {"ball", "crate"} == {*task.labels}
    assert found.broken == {
        "box of an unknown class": ["the alien at (5, 5, 20, 20) of 002.jpg is of a class that train has none of"]
    }


def test_a_folder_that_its_task_refuses_says_so_once(tmp_path):
    root = write_coco(tmp_path / "data")
    (root / "other.json").write_text((root / "instances.json").read_text())
    found, task = survey(root, 32)
    assert task is None and found.boxes == {} == found.broken
    (obstacle,) = found.obstacles
    assert "has 2 JSON files and none of them is of train" in obstacle


def test_every_layout_that_is_told_has_its_task():
    assert {layout.task for layout in LAYOUTS} <= {*TASKS, *SIZED}


def test_a_folder_of_no_known_layout_is_not_usable_and_a_missing_one_is_refused(tmp_path):
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    found, _ = survey(tmp_path)
    assert not found.usable and "holds 1 images in no known layout; known are CIFAR-10" in found.obstacles[0]
    with pytest.raises(UserError, match="is not a folder; give the one"):
        survey(tmp_path / "nowhere")


def test_images_in_memory_count_as_numbers_and_the_test_split_with_them(tmp_path):
    root = write_images(tmp_path / "data", 20)
    assert held_bytes(imagefolder(root, 8)) == 40 * (3 * 8 * 8 * 4 + 8)


def test_of_images_on_disk_what_may_be_kept_counts(tmp_path):
    root = write_images(tmp_path / "data", 20)
    assert held_bytes(imagefolder(root, 64, most_bytes=1000)) == 1000 + 40 * 8
    task = load_task(f"masks:{write_shapes(tmp_path / 'shapes')}", None, 16)
    assert held_bytes(task) == 10 * (3 + 1) * 16 * 16
    task.train.images.kept.most_bytes = 5000  # one bound for images and masks, and all splits
    assert held_bytes(task) == 5000


def test_a_test_split_that_is_read_when_it_is_asked_for_takes_no_memory(tmp_path):
    write_cifar10(tmp_path)
    task = cifar10(tmp_path)
    count = len(task.train.labels) + len(task.validation.labels)
    assert held_bytes(task) == count * (3 * 32 * 32 * 4 + 8)
    assert held_bytes(cifar10(tmp_path, most_bytes=0)) == count * (3 * 32 * 32 + 8)
