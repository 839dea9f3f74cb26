"""`edgesynth data check` as a user types it."""

import json

from tests.tasks.own.test_own_tasks import write_images
from tests.tasks.scenes import write_voc

PICKY = """
import torch

class Picky(torch.nn.Conv2d):
    def __init__(self):
        super().__init__(3, 2, 224)

    def forward(self, images):
        torch._assert(images.shape[2] == 224, "Wrong image height!")
        return super().forward(images).flatten(1)
"""


def test_a_usable_folder_ends_with_the_task_and_0(edgesynth, tmp_path):
    write_images(tmp_path / "my photos", 12)
    (tmp_path / "my photos/cat/3.png").write_bytes(b"no image")
    result = edgesynth("data", "check", "my photos", "--image-size", "32", "--ancestor", "resnet20", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0] == "my photos: a folder of images for each class, 24 image files"
    assert "  broken: image cannot be read, 1: my photos/cat/3.png is no image that can be read" in lines
    assert lines[-1] == "Usable: edgesynth evolve --ancestor resnet20 --task 'imagefolder:my photos' --image-size 32"
    (memory,) = [line for line in lines if "memory of resnet20" in line]
    assert "with 17 images a step: images " in memory
    assert ", outputs 0 MiB, weights 5 MiB, activations " in memory


def test_json_names_all_and_a_folder_that_is_not_usable_ends_with_1(edgesynth, tmp_path):
    write_images(tmp_path / "photos", 12)
    (tmp_path / "photos/emu").mkdir()
    result = edgesynth("data", "check", "photos", "--json", cwd=tmp_path)
    facts = json.loads(result.stdout)
    assert result.returncode == 1 and not facts["usable"] and "no image of emu" in facts["obstacles"][0]


def test_a_folder_that_is_not_there_ends_with_2(edgesynth, tmp_path, refused):
    refused(edgesynth("data", "check", "nowhere", cwd=tmp_path), "nowhere is not a folder")


def test_an_ancestor_that_answers_in_another_form_is_refused_as_evolve_refuses_it(edgesynth, tmp_path, refused):
    write_voc(tmp_path / "scenes")
    given = ("--ancestor", "resnet20", "--image-size", "32")
    words = "gives (2, 2) for 2 images and the task voc has 2 classes; it must give (2, 35, 1, 1)"
    refused(edgesynth("data", "check", "scenes", *given, cwd=tmp_path), words)
    refused(edgesynth("evolve", "--task", "voc:scenes", *given, cwd=tmp_path), words)


def test_an_ancestor_that_takes_no_such_images_is_refused_without_a_traceback(edgesynth, tmp_path, refused):
    write_images(tmp_path / "photos", 12)
    (tmp_path / "networks.py").write_text(PICKY)
    given = ("--ancestor", "networks:Picky", "--image-size", "32")
    words = "cannot be traced with inputs of shape (2, 3, 32, 32): Wrong image height!"
    refused(edgesynth("data", "check", "photos", *given, cwd=tmp_path), words)
    refused(edgesynth("evolve", "--task", "imagefolder:photos", *given, cwd=tmp_path), words)
