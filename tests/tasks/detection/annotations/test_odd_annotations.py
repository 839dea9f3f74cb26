"""Annotations as tools and people leave them: other layouts of the same folders, lists with repetitions, links."""

import json

import pytest

from edgesynth.errors import UserError
from edgesynth.tasks import load_task
from edgesynth.tasks.classification.imagefolder import images_below
from edgesynth.tasks.survey import survey
from edgesynth.tasks.survey.layouts import recognized
from tests.tasks.scenes import write_coco, write_kitti
from tests.tasks.shapes import write_camvid


def test_polygons_of_yolo_in_kitti_s_folders_are_no_labels_of_kitti_s(tmp_path):
    write_kitti(tmp_path)
    for file in (tmp_path / "training" / "label_2").iterdir():
        file.write_text("0 0.1 0.1 0.8 0.1 0.1 0.8 0.8 0.9 0.1 0.8\n")
    with pytest.raises(UserError, match=r"no box|no sound box"):
        load_task(f"kitti:{tmp_path}", None, 32)
    found, _ = survey(tmp_path, 8)
    assert not found.usable


def test_training_beside_validation_is_a_split_that_is_kept(tmp_path):
    write_kitti(tmp_path, 8)
    whole = write_kitti(tmp_path / "other", 3, seed=1) / "training"
    whole.rename(tmp_path / "validation")
    (tmp_path / "other").rmdir()
    task = load_task(f"kitti:{tmp_path}", None, 32)
    assert len(task.train.labels) + len(task.validation.labels) == 8 and len(task.load_test().labels) == 3


def rewritten(root, change):
    file = root / "all.json"
    document = json.loads(file.read_text())
    change(document)
    file.write_text(json.dumps(document))
    return load_task(f"coco:{root}", None, 32)


def boxes_of(task):
    return sum(int((part.targets[..., 0] >= 0).sum()) for part in (task.train, task.validation, task.load_test()))


def test_boxes_of_an_image_that_coco_lists_twice_are_all_kept(tmp_path):
    root = write_coco(tmp_path)
    before = boxes_of(load_task(f"coco:{root}", None, 32))

    def apart(document):
        first = [one for one in document["annotations"] if one["image_id"] == 2]
        document["images"].append({**document["images"][2], "id": 99})
        first[-1]["image_id"] = 99
        document["annotations"].append({**first[0], "id": 1000, "image_id": 99})  # once more the same box

    task = rewritten(root, apart)
    assert boxes_of(task) == before and "002.jpg is listed twice, its boxes are joined" in task.notes[0]


def test_coco_s_sizes_may_be_null(tmp_path):
    root = write_coco(tmp_path)
    task = rewritten(root, lambda document: [one.update(width=None, height=None) for one in document["images"]])
    assert len(task.train.labels) == 9 and task.notes == []


def test_camvid_s_folders_may_begin_with_a_capital(tmp_path):
    write_camvid(tmp_path)
    for folder in list(tmp_path.iterdir()):
        folder.rename(folder.with_name(folder.name.capitalize()))
    assert recognized(tmp_path).task == "camvid"
    assert len(load_task(f"camvid:{tmp_path}", None, 32).train.labels) == 8


def test_a_link_to_the_folder_of_all_classes_brings_no_other_class_s_images(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.jpg").touch()
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    assert images_below(tmp_path / "a", {str(tmp_path.resolve())}) == [str(tmp_path / "a" / "a.jpg")]
