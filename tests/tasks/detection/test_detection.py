"""Detection from folders: three layouts, boxes that move with their images, and what is broken."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from edgesynth.errors import UserError
from edgesynth.tasks import Split, load_task
from edgesynth.tasks.detection.heads.anchors import find_anchors
from edgesynth.tasks.own.checking import check_task
from tests.tasks.scenes import voc_xml, write_coco, write_kitti, write_voc

NAMES = [f"{place:03d}" for place in range(12)]
WRITE = {"voc": write_voc, "kitti": write_kitti, "coco": write_coco}


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    root = tmp_path_factory.mktemp("scenes")
    return {kind: write(root / kind) for kind, write in WRITE.items()}


@pytest.fixture
def root(tmp_path):
    return write_voc(tmp_path / "data")


def parts(task):
    return [task.train, task.validation, task.load_test()]


def stems(task):
    return sorted(file.rpartition("/")[2].partition(".")[0] for part in parts(task) for file in part.images.files)


@pytest.mark.parametrize("kind", WRITE)
def test_every_layout_gives_the_same_boxes_and_splits_always_alike(scenes, kind):
    task, first = load_task(f"{kind}:{scenes[kind]}", None, 48), load_task("voc", scenes["voc"], 48)
    assert [len(part.labels) for part in parts(task)] == [9, 1, 2]
    assert task.labels == ["ball", "crate"] and task.notes == []
    for mine, theirs in zip(parts(task), parts(first), strict=True):
        assert torch.allclose(mine.targets, theirs.targets, atol=1e-6)
    check_task(task, kind)


def color_within(image, row):
    """What stands in the middle of a box."""
    _, left, top, right, bottom = row.tolist()
    size = image.shape[1]
    y, x = int((top + bottom) / 2 * size), int((left + right) / 2 * size)
    return image[:, y, x]


def assert_boxes_hold_their_shapes(task, images, labels):
    assert (labels[..., 0] >= 0).sum() >= len(images)
    for image, rows in zip(images, labels, strict=True):
        for row in rows[rows[:, 0] >= 0]:
            red, _, blue = color_within(image, row).tolist()
            assert (red > blue) == (task.labels[int(row[0])] == "ball")
            assert max(red, blue) > 1  # and not the dark ground


def test_boxes_lie_where_the_shapes_are_in_the_letterbox(scenes):
    task = load_task(f"voc:{scenes['voc']}", None, 48)
    images = task.train.images[torch.arange(9)]
    assert_boxes_hold_their_shapes(task, images, task.train.targets)
    # 96x72 becomes 48x36, with 6 rows of gray above and below.
    gray = (128 / 255 - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])
    assert np.abs(images[0, :, :6].numpy() - gray[:, None, None]).max() < 1e-5
    assert np.abs(images[0, :, 6].numpy() - gray[:, None]).min() > 0.1


@pytest.mark.parametrize("zoom", [1.0, 1.5])
def test_boxes_are_shifted_mirrored_and_scaled_with_their_images(scenes, zoom):
    task = replace(load_task(f"voc:{scenes['voc']}", None, 48), max_shift=5, max_zoom=zoom)
    images, labels = task.train.images[torch.arange(9)], task.train.targets
    seen = set()
    for seed in range(4):
        variants = task.draw_variants(9, torch.Generator().manual_seed(seed))
        seen |= set(task.windows(variants)[1].tolist())
        moved = task.augment_labels(labels, variants)
        assert not torch.equal(moved, labels) and moved.shape == labels.shape
        assert_boxes_hold_their_shapes(task, task.augment(images, variants), moved)
    assert seen == {False, True}


def test_a_box_that_is_shifted_out_of_its_image_is_no_longer_looked_for(scenes):
    task = replace(load_task(f"voc:{scenes['voc']}", None, 48), max_shift=24, flip=False, max_zoom=1)
    labels = torch.tensor([[[1.0, 0.0, 0.0, 0.4, 0.4], [0.0, 0.6, 0.0, 1.0, 0.4]]])
    # The last column of shifts: 24 pixels, half of the width, to the left.
    moved = task.augment_labels(labels, torch.tensor([24 * 49 + 48]))
    assert moved[0, 0].tolist() == [-1, 0, 0, 0, 0]
    assert moved[0, 1].tolist() == pytest.approx([0, 0.1, 0, 0.5, 0.4])


def test_a_box_that_is_cut_away_by_magnifying_is_no_longer_looked_for(scenes):
    task = replace(load_task(f"voc:{scenes['voc']}", None, 48), max_shift=1, flip=False, max_zoom=2)
    labels = torch.tensor([[[1.0, 0.0, 0.0, 0.2, 0.2], [0.0, 0.2, 0.2, 0.5, 0.5], [0.0, 0.5, 0.5, 0.6, 0.6]]])
    # The middle of the shifts at the last factor, 2: what is shown is 0.25 to 0.75.
    moved = task.augment_labels(labels, torch.tensor([4 + 9 * 4]))
    assert moved[0, 0].tolist() == [-1, 0, 0, 0, 0]
    assert moved[0, 1].tolist() == pytest.approx([0, 0, 0, 0.5, 0.5], abs=1e-6)
    assert moved[0, 2].tolist() == pytest.approx([0, 0.5, 0.5, 0.7, 0.7], abs=1e-6)


def test_what_is_broken_is_left_out_counted_and_named(root):
    cut = root / "JPEGImages" / "001.jpg"
    cut.write_bytes(cut.read_bytes()[:300])
    (root / "JPEGImages" / "002.jpg").unlink()
    (root / "Annotations" / "003.xml").write_text("<annotation")
    Image.new("RGB", (10, 10)).save(root / "JPEGImages" / "004.jpg")
    task = load_task(f"voc:{root}", None, 32)
    assert stems(task) == ["000", *(f"{place:03d}" for place in range(5, 12))]
    (note,) = task.notes
    assert "12 images, 4 files are skipped: 002 has no image; 003.xml is no XML that can be read" in note
    assert note.endswith("; and 1 more")


def test_boxes_without_area_outside_or_broken_are_left_out_and_those_across_an_edge_are_cut(root):
    boxes = [
        ("ball", 5, 5, 5, 20),
        ("ball", 200, 5, 220, 20),
        ("ball", 5, 5, "wide", 20),
        ("ball", "nan", 5, 9, 20),
        ("crate", 80, 60, 120, 90),
    ]
    text = voc_xml([]).replace("</annotation>", "")
    for name, left, top, right, bottom in boxes:
        corners = zip(("xmin", "ymin", "xmax", "ymax"), (left, top, right, bottom), strict=True)
        inner = "".join(f"<{side}>{value}</{side}>" for side, value in corners)
        text += f"<object><name>{name}</name><bndbox>{inner}</bndbox></object>"
    for place in range(12):
        (root / "Annotations" / f"{place:03d}.xml").write_text(text + "</annotation>")
    task = load_task(f"voc:{root}", None, 96)
    assert task.labels == ["crate"]
    dropped, cut = task.notes
    assert "48 boxes are left out" in dropped and "object 3 has no box of four numbers" in dropped
    assert cut.startswith("12 boxes of ")
    # 96x72 with 12 rows of gray above; VOC counts pixels from 1.
    assert task.train.targets[0, 0].tolist() == pytest.approx([0, 79 / 96, (59 + 12) / 96, 1, 84 / 96])


def test_zero_area_and_outside_are_said_of_the_box_by_name(root):
    (root / "Annotations" / "000.xml").write_text(
        voc_xml([("ball", 5, 5, 5, 20), ("crate", 200, 5, 220, 20), ("ball", 5, 5, 30, 30)])
    )
    (note,) = load_task(f"voc:{root}", None, 32).notes
    assert "2 boxes are left out: the ball at (6, 5, 5, 20) of 000.jpg has no area; the crate at" in note
    assert note.endswith("of 000.jpg lies outside its image of 96x72")


def test_images_without_a_box_stay_and_are_counted(root):
    for place in (0, 5):
        (root / "Annotations" / f"{place:03d}.xml").write_text(voc_xml([]))
    task = load_task(f"voc:{root}", None, 32)
    assert task.notes == [f"2 of 12 images of {root} have no box"] and len(stems(task)) == 12


def write_lists(root, **parts):
    lists = root / "ImageSets" / "Main"
    lists.mkdir(parents=True)
    for part, lines in parts.items():
        (lists / f"{part}.txt").write_text("\n".join(lines))


def test_classes_that_train_lacks_are_told_of_whether_listed_or_met_later(tmp_path):
    write_voc(tmp_path)
    write_lists(tmp_path, train=NAMES[:8], val=NAMES[8:10], test=NAMES[10:])
    (tmp_path / "Annotations" / "011.xml").write_text(voc_xml([("unicorn", 5, 5, 30, 30)]))
    (tmp_path / "classes.txt").write_text("crate\nball\ndragon\n")
    task = load_task(f"voc:{tmp_path}", None, 32)
    assert task.labels == ["crate", "ball"] and [len(part.labels) for part in parts(task)] == [8, 2, 2]
    strange, lost, _ = [*task.notes, ""]
    assert "1 boxes are of classes that train has none of, and left out: unicorn" in strange
    assert lost.endswith("they are not learned: dragon")


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (b"ball\ncrate\nball\n", "names 3 classes, 2 of them different; name at least 1, each once, one a line"),
        (b"\n", "names 0 classes"),
        (b"ball\ncr\xe4te\n", r"classes.txt cannot be read \(.*; write one name a line, in UTF-8"),
    ],
)
@pytest.mark.parametrize("kind", WRITE)
def test_a_list_of_classes_that_is_not_sound_is_refused(tmp_path, kind, written, message):
    (WRITE[kind](tmp_path) / "classes.txt").write_bytes(written)
    with pytest.raises(UserError, match=message):
        load_task(f"{kind}:{tmp_path}", None, 32)


def test_one_class_may_be_listed_and_a_mark_of_utf_8_is_no_part_of_its_name(root):
    (root / "classes.txt").write_bytes(b"\xef\xbb\xbfcrate\r\n")
    assert load_task(f"voc:{root}", None, 32).labels == ["crate"]


def test_categories_of_one_name_are_one_class(tmp_path):
    document = json.loads((write_coco(tmp_path) / "all.json").read_text())
    document["categories"].insert(0, {"id": 0, "name": "ball"})  # as tools write it that put a group above its members
    (tmp_path / "all.json").write_text(json.dumps(document))
    assert load_task(f"coco:{tmp_path}", None, 32).labels == ["ball", "crate"]


def test_a_list_of_images_that_cannot_be_read_is_refused(root):
    write_lists(root)
    (root / "ImageSets" / "Main" / "train.txt").write_bytes(b"000\nh\xe4user\n")
    with pytest.raises(UserError, match=r"train.txt cannot be read \(.*; write one name a line, in UTF-8"):
        load_task(f"voc:{root}", None, 32)


def test_names_in_voc_s_lists_may_hold_spaces_and_end_with_voc_s_marks_or_numbers_of_their_own(root):
    names = {"000": "my image 11", "001": "cell 1", "002": "cell 2"}
    for old, new in names.items():
        (root / "JPEGImages" / f"{old}.jpg").rename(root / "JPEGImages" / f"{new}.jpg")
        (root / "Annotations" / f"{old}.xml").rename(root / "Annotations" / f"{new}.xml")
    write_lists(root, train=[*names.values(), "003  1", "004 0", "005 -1"], val=NAMES[6:10])
    task = load_task(f"voc:{root}", None, 32)
    assert task.notes == [] and stems(task) == sorted([*names.values(), *NAMES[3:10]])


def test_an_image_in_two_of_voc_s_lists_is_refused_and_one_twice_in_a_list_counts_once(root):
    write_lists(root, train=[*NAMES[:6], "000"], val=NAMES[6:10], test=NAMES[10:])
    assert len(load_task(f"voc:{root}", None, 32).train.labels) == 6
    (root / "ImageSets/Main/val.txt").write_text("005 1\n006\n")
    with pytest.raises(UserError, match=r"val.txt names 1 that another list has: 005 is in train.txt; a split must"):
        load_task(f"voc:{root}", None, 32)


def test_voc_s_trainval_is_train_where_there_is_no_other_and_lists_without_train_are_refused(root):
    write_lists(root, trainval=NAMES[:9], test=NAMES[9:])
    task = load_task(f"voc:{root}", None, 32)
    held = {Path(file).stem for file in task.load_test().images.files}
    assert held == set(NAMES[9:]) and len(task.train.labels) + len(task.validation.labels) == 9
    (root / "ImageSets/Main/trainval.txt").unlink()
    with pytest.raises(UserError, match=r"Main has test.txt and no train.txt; add it, or take the lists away"):
        load_task(f"voc:{root}", None, 32)


def test_an_image_that_two_parts_of_coco_list_is_refused_and_one_twice_in_a_part_counts_once(tmp_path):
    document = json.loads((write_coco(tmp_path) / "all.json").read_text())
    (tmp_path / "all.json").unlink()
    train = {**document, "images": [*document["images"][:9], {**document["images"][2], "id": 99}]}
    test = {**document, "images": document["images"][9:]}
    (tmp_path / "train.json").write_text(json.dumps(train))
    (tmp_path / "test.json").write_text(json.dumps(test))
    task = load_task(f"coco:{tmp_path}", None, 32)
    assert len(task.load_test().labels) == 3 and len(task.train.labels) + len(task.validation.labels) == 9
    assert "002.jpg is listed twice" in task.notes[0]
    (tmp_path / "test.json").write_text(json.dumps({**test, "images": document["images"][8:]}))
    with pytest.raises(UserError, match=r"has 1 images in two splits: 008.jpg is in train and test; a split must not"):
        load_task(f"coco:{tmp_path}", None, 32)


@pytest.mark.parametrize(("kind", "folder"), [("voc", "JPEGImages"), ("kitti", "training/image_2")])
def test_of_two_images_of_one_name_the_first_counts_and_the_other_is_told_of(tmp_path, kind, folder):
    WRITE[kind](tmp_path)
    first = min((tmp_path / folder).iterdir())
    (first.parent / f"{first.stem}.webp").write_bytes(first.read_bytes())
    task = load_task(f"{kind}:{tmp_path}", None, 32)
    files = [file for part in parts(task) for file in part.images.files]
    assert len(files) == len({Path(file).stem for file in files}) == 12
    assert f"{first.stem}.webp is a second file of its name" in task.notes[0]


def test_voc_is_found_from_above_as_torchvision_unpacks_it(tmp_path):
    write_voc(tmp_path / "VOCdevkit" / "VOC2012")
    for given in (tmp_path, tmp_path / "VOCdevkit"):
        task = load_task(f"voc:{given}", None, 32)
        assert stems(task) == NAMES and task.notes == []
    write_voc(tmp_path / "VOCdevkit" / "VOC2007")
    with pytest.raises(UserError, match=r"holds .*VOC2007, .*VOC2012; give one of them"):
        load_task(f"voc:{tmp_path}", None, 32)


def test_crowds_and_categories_that_are_not_listed_are_left_out(tmp_path):
    document = json.loads((write_coco(tmp_path) / "all.json").read_text())
    document["annotations"][0]["iscrowd"] = 1
    document["annotations"][1]["category_id"] = 99
    document["images"][5]["file_name"] = "gone.jpg"
    (tmp_path / "all.json").write_text(json.dumps(document))
    skipped, dropped, _ = load_task(f"coco:{tmp_path}", None, 32).notes
    assert "gone.jpg of all.json is not there" in skipped
    assert "2 boxes are left out" in dropped and "annotation 0 is a crowd" in dropped
    assert "annotation 1 is of the unknown category 99" in dropped


@pytest.mark.parametrize(
    "spoilt",
    [
        {"bbox": []},
        {"bbox": None},
        {"bbox": [1, 2, "wide", 4]},
        {"bbox": [1, 2, 10**400, 4]},
        {"category_id": [3]},
        {"image_id": {}},
    ],
)
def test_an_annotation_of_coco_that_is_no_box_is_left_out_and_named(tmp_path, spoilt):
    document = json.loads((write_coco(tmp_path) / "all.json").read_text())
    document["annotations"][7].update(spoilt)
    (tmp_path / "all.json").write_text(json.dumps(document))
    task = load_task(f"coco:{tmp_path}", None, 32)
    assert sum(int((part.targets[..., 0] >= 0).sum()) for part in parts(task)) == len(document["annotations"]) - 1
    (note,) = task.notes
    assert "1 boxes are left out: all.json annotation 7 is no box with a class, an image and four numbers (" in note


def test_a_polygon_of_coco_without_a_box_has_the_one_around_it(tmp_path):
    boxed = load_task(f"coco:{write_coco(tmp_path)}", None, 32)
    document = json.loads((tmp_path / "all.json").read_text())
    for annotation in document["annotations"]:
        left, top, width, height = annotation.pop("bbox")
        right, bottom = left + width, top + height
        inner = [left + 1, top + 1, right, bottom, left, top]
        annotation["segmentation"] = [[left, top, right, top, left, bottom], inner]
    (tmp_path / "all.json").write_text(json.dumps(document))
    outlined = load_task(f"coco:{tmp_path}", None, 32)
    assert outlined.notes == []
    for before, after in zip(parts(boxed), parts(outlined), strict=True):
        assert torch.equal(before.targets, after.targets)


@pytest.mark.parametrize("segmentation", [[], [[]], [["a", 1]], {"counts": "RLE", "size": [9, 9]}, [[1]], 4])
def test_a_segmentation_of_coco_that_is_no_polygon_is_left_out_and_named(tmp_path, segmentation):
    document = json.loads((write_coco(tmp_path) / "all.json").read_text())
    document["annotations"][7].update(bbox=None, segmentation=segmentation)
    (tmp_path / "all.json").write_text(json.dumps(document))
    (note,) = load_task(f"coco:{tmp_path}", None, 32).notes
    assert "1 boxes are left out: all.json annotation 7 is no box" in note


def test_what_is_no_annotation_at_all_is_named_by_its_place(tmp_path):
    document = json.loads((write_coco(tmp_path) / "all.json").read_text())
    document["annotations"][3:5] = ["box", {"bbox": [1, 1, 9, 9]}]
    (tmp_path / "all.json").write_text(json.dumps(document))
    (note,) = load_task(f"coco:{tmp_path}", None, 32).notes
    assert "all.json annotation number 4 is no box with" in note
    assert "all.json annotation number 5 is of the unknown category None" in note


@pytest.mark.parametrize(
    ("spoilt", "why"),
    [
        ("a name", "is no image with an id and a file name (TypeError"),
        ({"id": 4}, "is no image with an id and a file name (KeyError: 'file_name')"),
        ({"file_name": "004.jpg"}, "is no image with an id and a file name (KeyError: 'id')"),
        ({"id": [4], "file_name": "004.jpg"}, "is no image with an id and a file name (TypeError"),
        ({"id": 4, "file_name": "004.jpg", "width": "wide", "height": 48}, "(ValueError: "),
        ({"id": 3, "file_name": "004.jpg"}, "has the id 3 of another"),
    ],
)
def test_an_entry_of_coco_that_is_no_image_is_left_out_and_named(tmp_path, spoilt, why):
    document = json.loads((write_coco(tmp_path) / "all.json").read_text())
    assert document["images"][4]["id"] == 4
    document["images"][4] = spoilt
    (tmp_path / "all.json").write_text(json.dumps(document))
    task = load_task(f"coco:{tmp_path}", None, 32)
    assert sum(len(part.targets) for part in parts(task)) == len(document["images"]) - 1
    assert "all.json image number 5" in task.notes[0]
    assert why in task.notes[0]


def test_coco_s_own_names_of_splits_are_known(tmp_path):
    document = json.loads((write_coco(tmp_path) / "all.json").read_text())
    (tmp_path / "all.json").unlink()
    (tmp_path / "annotations").mkdir()
    (tmp_path / "images").rename(tmp_path / "train2017")
    for name in ("instances_train2017", "instances_val2017", "captions_train2017"):
        (tmp_path / "annotations" / f"{name}.json").write_text(json.dumps(document))
    (tmp_path / "val2017").symlink_to("train2017")
    task = load_task(f"coco:{tmp_path}", None, 16)
    assert [len(part.labels) for part in parts(task)] == [11, 1, 12]  # val becomes test


@pytest.mark.parametrize("size", [(1, 1), (900, 30)])
def test_images_of_one_pixel_and_long_ones_are_taken(root, size):
    Image.new("CMYK", size).save(root / "JPEGImages" / "000.jpg")
    (root / "Annotations" / "000.xml").write_text(voc_xml([], size))
    task = load_task(f"voc:{root}", None, 32)
    assert task.notes == [f"1 of 12 images of {root} have no box"] and len(stems(task)) == 12
    check_task(task, "voc")


@pytest.mark.parametrize(
    ("name", "make", "message"),
    [
        ("voc", lambda root: root / "nowhere", "names no folder; give DIR/JPEGImages"),
        ("voc", lambda root: root / "JPEGImages", "has no JPEGImages; give DIR/JPEGImages"),
        ("voc", lambda root: [(root / "Annotations").rename(root / "x"), root][1], "JPEGImages and no Annotations"),
        ("kitti", lambda root: root, "has no folder of images with one of labels beside it"),
        ("coco", lambda root: root, "has 0 JSON files and none of them is of train"),
        ("voc", lambda root: write_voc(root / "few", 2), "has 2 sound images, too few to be split"),
    ],
)
def test_a_folder_of_another_layout_is_refused(root, name, make, message):
    with pytest.raises(UserError, match=message):
        load_task(f"{name}:{make(root)}")


def test_data_without_a_box_and_a_task_without_a_folder_are_refused(root):
    for path in (root / "Annotations").iterdir():
        path.write_text(voc_xml([]))
    with pytest.raises(UserError, match="has no sound box in train, 9 images"):
        load_task(f"voc:{root}")
    with pytest.raises(UserError, match="needs its folder, as in --task kitti:DIR"):
        load_task("kitti")
    (root / "broken.json").write_text("[1, 2")
    with pytest.raises(UserError, match=r"broken.json cannot be read as JSON"):
        load_task(f"coco:{root}")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (torch.zeros(3, 4), r"are \(3, 4\) of float32; they must be \(N, M, 5\)"),
        (torch.tensor([[[2.0, 0, 0, 1, 1]]] * 3), "run up to class 2 and 2 classes are named"),
        (torch.tensor([[[1.0, 0.5, 0, 0.5, 1]]] * 3), "hold boxes without area or outside 0 to 1"),
    ],
)
def test_labels_of_another_form_are_refused(scenes, labels, message):
    task = load_task(f"voc:{scenes['voc']}", None, 32)
    with pytest.raises(UserError, match=message):
        check_task(replace(task, train=Split(torch.zeros(3, 3, 32, 32), labels)), "mine")


def test_anchors_are_the_kinds_of_boxes_that_there_are():
    kinds = torch.tensor([[0.1, 0.2], [0.2, 0.1], [0.3, 0.3], [0.5, 0.4], [0.9, 0.9]])
    shapes = kinds.repeat(20, 1) * (1 + 0.02 * torch.randn(100, 2, generator=torch.Generator().manual_seed(0)))
    anchors = torch.tensor(find_anchors(torch.cat([torch.zeros(100, 2), shapes], 1)))
    distances = torch.cdist(kinds, anchors)
    assert distances.amin(1).max() < 0.02 and sorted(distances.argmin(1).tolist()) == [0, 1, 2, 3, 4]
    assert len(find_anchors(torch.tensor([[0, 0, 0.5, 0.5]]))) == 5
