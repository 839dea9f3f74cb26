"""Folders as users have them: names of other tools, other letter cases, marks of Windows, links."""

import codecs
import json

import pytest
from PIL import Image

from edgesynth.errors import UserError
from edgesynth.tasks import load_task
from edgesynth.tasks.survey.survey import survey
from tests.tasks import scenes
from tests.tasks.own.test_own_tasks import write_images
from tests.tasks.saliency.test_saliency import write_shapes


def sizes(task):
    return [len(part.labels) for part in (task.train, task.validation, task.load_test())]


@pytest.mark.parametrize("names", [("Train", "Test"), ("training", "testing"), ("TRAIN", "Validation")])
def test_splits_are_known_by_their_names_in_any_case(tmp_path, names):
    for name, count in zip(names, (20, 5), strict=True):
        write_images(tmp_path / name, count)
    assert sizes(load_task(f"imagefolder:{tmp_path}", None, 8))[2] == 10
    found, task = survey(tmp_path, 8)
    assert found.usable and task.labels == ["cat", "dog"]


def test_an_image_folder_that_links_into_itself_is_listed_once(tmp_path):
    write_images(tmp_path, 10)
    before = sizes(load_task(f"imagefolder:{tmp_path}", None, 8))
    (tmp_path / "cat" / "again").symlink_to(tmp_path / "cat")
    assert sizes(load_task(f"imagefolder:{tmp_path}", None, 8)) == before
    found, _ = survey(tmp_path, 8)
    assert found.images == 20


def test_a_folder_below_home_may_be_given_by_a_tilde(tmp_path, monkeypatch):
    write_images(tmp_path / "photos", 10)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert sum(sizes(load_task("imagefolder:~/photos", None, 8))) == 20


def coco_parts(root, where):
    """Train and test as COCO's, where only train has crates."""
    document = json.loads((scenes.write_coco(root) / "all.json").read_text())
    (root / "all.json").unlink()
    balls = {**document, "categories": [one for one in document["categories"] if one["name"] == "ball"]}
    for part, content in (("train", document), ("test", balls)):
        file = root / where.format(part)
        file.parent.mkdir(exist_ok=True)
        images = [{**one, "file_name": f"{part}-{one['file_name']}"} for one in document["images"]]
        file.write_text(json.dumps({**content, "images": images}))
        for image in (root / "images").iterdir():
            (file.parent / f"{part}-{image.name}").write_bytes(image.read_bytes())


@pytest.mark.parametrize(
    "where", ["{}/_annotations.coco.json", "annotations/instances_{}2017.json", "annotations/{}.json", "{}.json"]
)
def test_the_classes_of_coco_are_those_of_train_whatever_comes_first_by_name(tmp_path, where):
    coco_parts(tmp_path, where)
    (tmp_path / "._hidden.json").write_text("{}")
    task = load_task(f"coco:{tmp_path}", None, 16)
    assert task.labels == ["ball", "crate"]
    assert len(task.load_test().labels) == 12
    assert any("is of the unknown category 7" in note for note in task.notes)


def test_the_mark_that_windows_begins_texts_with_is_no_part_of_a_name(tmp_path):
    root = scenes.write_kitti(tmp_path / "kitti")
    for file in (root / "training" / "label_2").iterdir():
        file.write_bytes(codecs.BOM_UTF8 + file.read_bytes())
    assert load_task(f"kitti:{root}", None, 16).labels == ["ball", "crate"]
    write_shapes(tmp_path / "masks")
    for part, numbers in (("train", range(8)), ("test", range(8, 10))):
        names = "".join(f"{number:03d}\n" for number in numbers)
        (tmp_path / "masks" / f"{part}.txt").write_bytes(codecs.BOM_UTF8 + names.encode())
    assert sum(sizes(load_task(f"masks:{tmp_path / 'masks'}", None, 16))) == 10


def test_voc_is_read_whatever_case_its_suffixes_have(tmp_path):
    root = scenes.write_voc(tmp_path)
    before = sizes(load_task(f"voc:{root}", None, 16))
    for file in [*(root / "Annotations").iterdir()]:
        file.rename(file.with_suffix(".XML"))
    for file in [*(root / "JPEGImages").iterdir()]:
        file.rename(file.with_suffix(".TIF"))
    assert sizes(load_task(f"voc:{root}", None, 16)) == before
    found, _ = survey(root, 16)
    assert found.task == f"voc:{root}"


def test_masks_in_which_nothing_is_salient_are_refused(tmp_path):
    write_shapes(tmp_path)
    for file in (tmp_path / "masks").iterdir():
        Image.new("L", Image.open(file).size, 38).save(file)
    with pytest.raises(UserError, match=r"none of the 7 masks of .* for train shows anything salient"):
        load_task(f"masks:{tmp_path}", None, 16)


def test_masks_of_classes_are_not_taken_for_saliency(tmp_path):
    write_shapes(tmp_path)
    (tmp_path / "classes.txt").write_text("sky\nroad\n")
    with pytest.raises(UserError, match=r"has classes.txt and --task masks knows no classes; .*camvid:DIR"):
        load_task(f"masks:{tmp_path}", None, 16)
