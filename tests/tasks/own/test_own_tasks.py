"""Tasks of the user's: a module of their own, and a folder of images."""

import sys

import numpy as np
import pytest
import torch
from PIL import Image

from edgesynth.errors import UserError
from edgesynth.optional import torchvision
from edgesynth.tasks import Stored, load_task
from edgesynth.tasks.classification.imagefolder import _list, imagefolder

SOURCE = """
import torch
from edgesynth import Classification, Split, Task

def split(count=12, shape=(3, 8, 8), classes=3, dtype=torch.float32):
    draws = torch.Generator().manual_seed(count)
    return Split(torch.randn((count, *shape), generator=draws).to(dtype), torch.arange(count) % classes)

def build(train=None, validation=None, test=None, labels="abc", kind=Classification):
    return kind("blobs", train or split(), validation or split(9), lambda: test or split(6), list(labels))

class Nan(Classification):
    def metric(self, outputs, labels):
        return float("nan")

class Share(Classification):
    def metric(self, outputs, labels):
        return super().metric(outputs, labels) / 100

class Permille(Classification):
    def metric(self, outputs, labels):
        return super().metric(outputs, labels) * 10

class Heat(Task):
    metric_name, teaching, decoding = "closeness", "numbers", {"form": "numbers"}
    answer_shape = (1,)

    def loss(self, outputs, labels):
        return torch.nn.functional.mse_loss(outputs, labels)

    def metric(self, outputs, labels):
        return 100 / (1 + (outputs - labels).abs().mean().item())

    def check_labels(self, labels):
        return "" if labels.shape[1:] == (1,) else "are not one number each"

    def perfect_outputs(self, labels):
        return labels

class Unnamed(Heat):
    metric_name = None

class Untaught(Heat):
    teaching = "numerals"

class Undecoded(Heat):
    decoding = "numbers"

class Lost(Heat):
    def perfect_outputs(self, labels):
        raise KeyError("no answers")

class Loss(Classification):
    def loss(self, outputs, labels):
        return torch.nn.functional.cross_entropy(outputs, labels, reduction="none")

def warm(count): return Split(split(count).images, split(count).images.mean((1, 2, 3))[:, None])
def heat(): return Heat("heat", warm(12), warm(9), lambda: warm(6), ["warmth"])
def cold(): return Heat("heat", warm(12), split(9), lambda: warm(6), ["warmth"])
def unnamed(): return Unnamed("heat", warm(12), warm(9), lambda: warm(6), ["warmth"])
def untaught(): return Untaught("heat", warm(12), warm(9), lambda: warm(6), ["warmth"])
def undecoded(): return Undecoded("heat", warm(12), warm(9), lambda: warm(6), ["warmth"])
def lost(): return Lost("heat", warm(12), warm(9), lambda: warm(6), ["warmth"])
def task(): return build()
def rooted(data_root=None, image_size=None): return build(labels=["a", "b", str(data_root), str(image_size)])
def gray(): return build(validation=split(9, (1, 8, 8)))
def flat(): return build(train=split(12, (192,)))
def double(): return build(validation=split(9, dtype=torch.float64))
def empty(): return build(validation=split(0))
def no_test(): return build(test=split(0))
def many(): return build(labels="ab")
def below(): return build(train=Split(split().images, split().labels - 1))
def short(): return build(train=Split(split().images, split(9).labels))
def floats(): return build(train=Split(split().images, split().labels.float()))
def loose(): return build(train=(split().images, split().labels))
def infinite(): return build(train=Split(split().images / 0, split().labels))
def nan(): return build(kind=Nan)
def share(): return build(kind=Share)
def permille(): return build(kind=Permille)
def vector(): return build(kind=Loss)
def number(): return 7
def broken(): raise ValueError("the disk is on the moon")
def needs(width): return build()
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "user_data.py").write_text(SOURCE)
    yield tmp_path
    sys.modules.pop("user_data", None)


def test_a_function_of_a_module_in_the_working_directory_builds_the_task(here):
    task = load_task("user_data:task")
    assert (task.name, task.input_shape, len(task.train.labels)) == ("blobs", (3, 8, 8), 12)


def test_a_task_of_another_kind_is_taken_and_nurtures_a_network(here):
    from edgesynth.nurture import Recipe, Teacher, nurture, score

    task = load_task("user_data:heat")
    torch.manual_seed(0)
    network, teacher = (torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, 1)) for _ in range(2))
    with torch.no_grad():
        teacher[1].weight.fill_(1 / 192), teacher[1].bias.zero_()
    before = score(network, task, task.validation)
    nurture(network, task, Recipe(60, 4, 0.01), torch.Generator().manual_seed(0), teacher=Teacher(teacher, task))
    assert score(network, task, task.validation) > before and score(teacher, task, task.validation) > 99.9


def test_a_function_that_takes_the_root_and_the_size_is_given_them(here):
    assert load_task("user_data:rooted", here, 48).labels[2:] == [str(here), "48"]


def test_what_is_written_in_c_and_tells_no_arguments_is_called_without_any(here):
    with pytest.raises(UserError, match=r"returned a value of type dict; make it with edgesynth.Classification"):
        load_task("builtins:dict")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("digits", "--image-size is 32 and the images of the task digits have one size; leave it out"),
        ("cifar10:nowhere", "--image-size is 32 and the images of the task cifar10 have one size; leave it out"),
        ("user_data:task", "--image-size is 32 and user_data:task takes no image_size; leave it out, or let it take"),
    ],
)
def test_a_size_is_refused_where_images_have_one_of_their_own(here, name, message):
    with pytest.raises(UserError, match=message):
        load_task(name, None, 32)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cold", "validation labels are not one number each"),
        ("unnamed", r"has no metric_name; give its class one, such as 'accuracy'"),
        ("untaught", r"has teaching 'numerals'; give its class one of 'classes', 'logits', 'numbers'"),
        ("undecoded", r"has decoding 'numbers'; give its class a dict such as \{'form': 'logits'\}"),
        ("lost", r"its right answers raised KeyError: 'no answers'"),
        ("gray", r"validation images are \(9, 1, 8, 8\) of float32 and those of train \(12, 3, 8, 8\)"),
        ("flat", r"train images are \(12, 192\) of float32; they must be \(N, C, H, W\)"),
        ("double", r"validation images are \(9, 3, 8, 8\) of float64; they must be"),
        ("empty", r"validation is empty"),
        ("no_test", r"test is empty"),
        ("many", r"train labels run from 0 to 2 and 2 classes are named"),
        ("below", r"train labels run from -1 to 1"),
        ("short", r"train has 12 images and 9 labels"),
        ("floats", r"train labels are \(12,\) of float32; they must be \(N,\) of int64"),
        ("loose", r"train is no Split of two tensors"),
        ("infinite", r"train images hold nan or infinity"),
        ("nan", r"its metric of all outputs zero is nan"),
        (
            "share",
            r"its metric of outputs that are all right is 1; percent are wanted, so that it is near 100: .* by 100",
        ),
        ("permille", r"its metric of outputs that are all right is 1000; percent are wanted, at most 100"),
        ("vector", r"its loss of all outputs zero is tensor.* one finite number"),
        ("number", r"returned a value of type int; make it with edgesynth.Classification"),
        ("broken", r"raised ValueError: the disk is on the moon, .*user_data.py line \d+"),
        ("needs", r"raised TypeError: needs\(\) missing 1 required positional argument: 'width'"),
        ("Nan.nothing", r"user_data has no 'Nan.nothing' for the task user_data:Nan.nothing"),
    ],
)
def test_a_task_that_is_not_sound_is_refused_by_name_in_one_line(here, name, message):
    with pytest.raises(UserError, match=message) as refusal:
        load_task(f"user_data:{name}")
    assert f"user_data:{name}" in str(refusal.value) and len(str(refusal.value)) < 400


def test_a_root_that_a_task_has_no_use_for_is_refused(here):
    with pytest.raises(UserError, match=r"--data-root is .* and user_data:task takes no data_root"):
        load_task("user_data:task", here)


def write_images(folder, per_class, classes=("cat", "dog"), size=(20, 12)):
    """Images of one color, which is another for each."""
    folder.mkdir(parents=True, exist_ok=True)
    for label, name in enumerate(classes):
        (folder / name).mkdir()
        for index in range(per_class):
            Image.new("RGB", size, (10 * index, 100 * label, 50)).save(folder / name / f"{index}.png")
    return folder


def colors(split):
    pixels = split.images * torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    pixels = (pixels + torch.tensor([0.485, 0.456, 0.406])[:, None, None]) * 255
    assert torch.allclose(pixels, pixels[:, :, :1, :1].expand_as(pixels), atol=1e-3)
    return [tuple(image[:, 0, 0].round().int().tolist()) for image in pixels]


def test_one_folder_is_split_into_70_15_15_always_in_the_same_way(tmp_path):
    write_images(tmp_path / "data", 10)
    one, other = (load_task("imagefolder", tmp_path / "data", 8) for _ in range(2))
    parts = [one.train, one.validation, one.load_test()]
    assert [len(part.labels) for part in parts] == [14, 3, 3] and one.labels == ["cat", "dog"]
    found = [color for part in parts for color in colors(part)]
    assert sorted(found) == sorted((10 * index, 100 * label, 50) for index in range(10) for label in range(2))
    assert all(color[1] == 100 * label for color, label in zip(colors(one.train), one.train.labels, strict=True))
    assert torch.equal(one.train.images, other.train.images)


def test_the_folder_may_stand_in_the_name_of_the_task(tmp_path):
    folder = write_images(tmp_path / "data", 10)
    named, given = load_task(f"imagefolder:{folder}", None, 8), load_task("imagefolder", folder, 8)
    assert torch.equal(named.train.images, given.train.images)


def test_folders_named_train_val_and_test_are_the_splits(tmp_path):
    for part, count in (("train", 4), ("val", 3), ("test", 2)):
        write_images(tmp_path / part, count)
    task = load_task("imagefolder", tmp_path, 8)
    assert [len(part.labels) for part in (task.train, task.validation, task.load_test())] == [8, 6, 4]
    assert task.input_shape == (3, 8, 8)


def test_trains_may_be_a_class_and_a_folder_of_images_called_train_is_refused_beside_val(tmp_path):
    write_images(tmp_path / "photos", 10, ("bus", "train"))
    assert load_task(f"imagefolder:{tmp_path / 'photos'}", None, 8).labels == ["bus", "train"]
    write_images(tmp_path / "flat", 10, ("train", "val"))
    with pytest.raises(UserError, match="train is not a folder for each class with images in it"):
        load_task(f"imagefolder:{tmp_path / 'flat'}", None, 8)


def test_without_val_some_of_train_is_held_out(tmp_path):
    write_images(tmp_path / "train", 10)
    write_images(tmp_path / "test", 2)
    task = load_task("imagefolder", tmp_path, 8)
    assert [len(part.labels) for part in (task.train, task.validation, task.load_test())] == [17, 3, 4]
    assert not set(colors(task.train)) & set(colors(task.validation))


def test_the_shorter_side_is_scaled_and_the_center_cut_out(tmp_path):
    write_images(tmp_path / "data", 10)
    pixels = np.zeros((40, 120, 3), np.uint8)
    pixels[:, 40:80] = 255  # the center square is white
    for index in range(20):
        Image.fromarray(pixels).save(tmp_path / "data" / "cat" / f"wide{index}.png")
    task = load_task("imagefolder", tmp_path / "data", 10)
    white = (1 - 0.485) / 0.229
    # Scaling blurs the square's edges into the black beside it; cut elsewhere, a whole column would be black.
    inner = [image[0, :, 1:-1] for image in task.train.images]
    assert sum(torch.allclose(part, torch.full((10, 8), white), atol=1e-4) for part in inner) >= 10


def test_images_are_mirrored_and_shifted_and_the_number_says_how(tmp_path):
    task = load_task("imagefolder", write_images(tmp_path / "data", 10), 8)
    assert task.variants == 50
    image = torch.rand(1, 3, 8, 8)
    plain, mirrored = (task.augment(image, torch.tensor([number])) for number in (12, 12 + 25))
    assert torch.equal(plain, image) and torch.equal(mirrored, image.flip(3))
    drawn = task.draw_variants(2000, torch.Generator().manual_seed(0))
    assert set(drawn.tolist()) == set(range(50)) and 900 < int((drawn >= 25).sum()) < 1100


@pytest.mark.parametrize("name", ["digits", "user_data:task"])
def test_tasks_that_do_not_mirror_draw_as_they_did(here, name):
    task = load_task(name)
    drawn = task.draw_variants(6, torch.Generator().manual_seed(5))
    rows, columns = torch.randint(0, 5, (2, 6), generator=torch.Generator().manual_seed(5))
    assert torch.equal(drawn, rows * 5 + columns)


def test_a_folder_that_does_not_fit_into_memory_is_read_from_disk_to_the_same_pixels(tmp_path):
    write_images(tmp_path / "data", 45)
    task, held = (imagefolder(tmp_path / "data", 16, most) for most in (50_000, None))
    assert isinstance(task.train.images, Stored) and isinstance(held.train.images, torch.Tensor)
    assert any("90 images of" in note and "are read from disk" in note for note in task.notes)
    for part, whole in zip(
        (task.train, task.validation, task.load_test()), (held.train, held.validation, held.load_test()), strict=True
    ):
        assert torch.equal(part.images[torch.arange(len(part.labels))], whole.images)
        assert torch.equal(part.labels, whole.labels)
    assert task.train.images.kept.bytes <= 50_000
    assert isinstance(load_task("imagefolder", tmp_path / "data", 16384).train.images, Stored)


def test_files_are_listed_as_torchvision_lists_them(tmp_path):
    write_images(tmp_path, 12)
    (tmp_path / "cat" / "more").mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "cat" / "more" / "A.PNG")
    (tmp_path / "cat" / "notes.txt").write_text("no image")
    (tmp_path / ".cache").mkdir()
    torchvision()
    from torchvision.datasets import ImageFolder

    found = _list(tmp_path)
    (tmp_path / ".cache").rmdir()
    theirs = ImageFolder(str(tmp_path))
    assert found == (theirs.classes, theirs.samples)


@pytest.mark.parametrize(("others", "sizes"), [({}, [14, 3, 3]), ({"test": 2}, [17, 3, 4]), ({"valid": 2}, [17, 3, 4])])
def test_what_is_missing_beside_train_is_held_out(tmp_path, others, sizes):
    for part, count in {"train": 10, **others}.items():
        write_images(tmp_path / part, count)
    task = load_task("imagefolder", tmp_path, 8)
    assert [len(part.labels) for part in (task.train, task.validation, task.load_test())] == sizes


def test_a_folder_that_is_no_split_is_told_of_and_valid_is_one(tmp_path):
    for part in ("train", "valid", "test", "extra"):
        write_images(tmp_path / part, 3)
    task = load_task("imagefolder", tmp_path, 8)
    assert len(task.validation.labels) == 6 and len(task.train.labels) == 6
    assert any("has folders beside its splits that are not used: extra" in note for note in task.notes)


@pytest.mark.parametrize("counts", [(10, 10, 10), (8, 8, 2), (2, 2), (1, 1, 20), (40, 5, 3)])
def test_every_class_is_in_train_and_in_other_parts_by_its_share(tmp_path, counts):
    for label, count in enumerate(counts):
        (tmp_path / f"{label}").mkdir()
        for index in range(count):
            Image.new("RGB", (4, 4)).save(tmp_path / f"{label}" / f"{index}.png")
    task = load_task("imagefolder", tmp_path, 4)
    parts = [task.train, task.validation, task.load_test()]
    found = [[int((part.labels == label).sum()) for label in range(len(counts))] for part in parts]
    assert [sum(column) for column in zip(*found, strict=True)] == list(counts) and min(found[0]) >= 1
    for part in found[1:]:
        assert abs(sum(part) - 0.15 * sum(counts)) <= 1 and sum(part) >= 1
        assert all(abs(own - 0.15 * count) <= 1 for own, count in zip(part, counts, strict=True))


def test_an_image_that_is_cut_short_is_skipped_where_images_are_read_from_disk_too(tmp_path):
    folder = write_images(tmp_path / "data", 10)
    noise = Image.frombytes("RGB", (20, 12), bytes(range(240)) * 3)
    for name, cut in (("whole.jpg", None), ("cut.jpg", -200), ("trailed.jpg", None)):
        noise.save(folder / "cat" / name)
        data = (folder / "cat" / name).read_bytes()
        (folder / "cat" / name).write_bytes(data[:cut] + (b"more" * 99 if name == "trailed.jpg" else b""))
    (folder / "dog" / "3.png").write_bytes((folder / "dog" / "3.png").read_bytes()[:60])
    for task in (imagefolder(folder, 8), imagefolder(folder, 8, most_bytes=0)):
        assert sorted(line.split(" cannot")[0].rpartition("/")[2] for line in task.skipped) == ["3.png", "cut.jpg"]
        assert sum(len(part.labels) for part in (task.train, task.validation, task.load_test())) == 21


def test_a_class_without_an_image_is_refused_by_name(tmp_path):
    write_images(tmp_path, 12)
    (tmp_path / "emu").mkdir()
    with pytest.raises(UserError, match="has no image of emu; add some, or take the folder away"):
        load_task("imagefolder", tmp_path)


def test_few_validation_images_and_classes_without_one_are_told_of(tmp_path):
    for part, names in (("train", ("cat", "dog")), ("val", ("cat", "dog")), ("test", ("cat", "dog"))):
        write_images(tmp_path / part, 4, names)
    for index in range(4):
        (tmp_path / "val" / "dog" / f"{index}.png").write_bytes(b"no image")
    notes = load_task("imagefolder", tmp_path, 8).notes
    assert "4 are skipped: " in notes[0] and "and 1 more" in notes[0]
    assert (
        "validation has 4 images, each worth 25.0 points" in notes[1] and notes[2] == "validation has no image of dog"
    )


def test_what_is_no_folder_of_classes_is_refused(tmp_path):
    with pytest.raises(UserError, match="needs its folder, as in --task imagefolder:DIR"):
        load_task("imagefolder")
    with pytest.raises(UserError, match="names no folder; give DIR/train/CLASS"):
        load_task("imagefolder", tmp_path / "nowhere")
    with pytest.raises(UserError, match="is not a folder for each class with images in it"):
        load_task("imagefolder", tmp_path)
    write_images(tmp_path / "few", 1)
    with pytest.raises(UserError, match="has 2 images of 2 classes, too few to be split; give more of each"):
        load_task("imagefolder", tmp_path / "few")


def test_splits_of_other_classes_are_refused(tmp_path):
    write_images(tmp_path / "train", 3)
    write_images(tmp_path / "test", 3, ("cat", "cow"))
    with pytest.raises(UserError, match="have not the same classes: cow, dog in one alone"):
        load_task("imagefolder", tmp_path)


def test_a_damaged_image_is_skipped_counted_and_named_and_moves_no_other(tmp_path):
    folder = write_images(tmp_path / "data", 10)
    before = load_task("imagefolder", folder, 8)
    for label in ("cat", "dog"):
        (folder / label / "3.png").write_bytes((folder / label / "3.png").read_bytes()[:50])
    task = load_task("imagefolder", folder, 8)
    assert "20 images, 2 are skipped: " in task.notes[0] and "3.png cannot be read as an image" in task.notes[0]
    parts = [(split.train, split.validation, split.load_test()) for split in (before, task)]
    for old, new in zip(*parts, strict=True):
        lost = [color for color in colors(old) if color[0] == 30]
        assert colors(new) == [color for color in colors(old) if color not in lost]


def test_a_split_without_a_readable_image_is_refused(tmp_path):
    for part in ("train", "val", "test"):
        write_images(tmp_path / part, 2)
    for file in (tmp_path / "val").rglob("*.png"):
        file.write_bytes(b"no image")
    words = r"none of the 4 images of .* for validation can be read: .* is no image .*and 1 more"
    with pytest.raises(UserError, match=words):
        load_task("imagefolder", tmp_path, 8)
