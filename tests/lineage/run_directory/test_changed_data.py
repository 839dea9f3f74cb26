"""Data that change after a run was begun: its splits would be others, and its figures of no one network."""

import shutil

import pytest

from edgesynth.errors import UserError
from edgesynth.evolution import evolve, replay
from edgesynth.export import export_individual
from edgesynth.lineage import Config
from tests.tasks.own.test_own_tasks import write_images


@pytest.fixture
def bred(tmp_path):
    """A run on an image folder, and the folder."""
    photos = write_images(tmp_path / "photos", 12)
    upbringing = {"ancestor_epochs": 1, "epochs": 1, "final_epochs": 1, "generations": 1, "offspring": 1}
    config = Config(
        ancestor="tests.lineage.run_directory.test_changed_data:small", task=f"imagefolder:{photos}", **upbringing
    )
    return evolve(tmp_path / "run", config.model_copy(update={"image_size": 8, "min_accuracy": 0.0})), photos


def small(num_classes=2):
    """A network for 3 x 8 x 8."""
    from torch import nn

    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, num_classes))


def test_more_images_are_refused_by_whatever_reads_them_again(bred, tmp_path):
    run, photos = bred
    assert run.task()["images"] == {"train": 17, "validation": 3}
    export_individual(run, "g001-c0", tmp_path / "before")
    for name in ("12", "13", "14", "15"):
        shutil.copy(photos / "cat" / "0.png", photos / "cat" / f"{name}.png")
    message = r"other data, by its task.json: images were train 17, validation 3 and are train \d+, validation \d; put"
    for again in (
        lambda: export_individual(run, "g001-c0", tmp_path / "after"),
        lambda: replay(run, "g001-c0"),
        lambda: evolve(run.path, run.config, resume=True),
    ):
        with pytest.raises(UserError, match=message):
            again()
    assert not (tmp_path / "after").exists()


def test_a_run_that_is_refused_for_its_data_keeps_its_options(bred):
    run, photos = bred
    shutil.rmtree(run.folder("g001-c0"))
    for number in range(8):
        shutil.copy(photos / "cat" / "0.png", photos / "cat" / f"{20 + number}.png")
    before = (run.path / "config.toml").read_bytes()
    with pytest.raises(UserError, match="bred with other data"):
        evolve(run.path, run.config.model_copy(update={"min_accuracy": 5.0}), resume=True)
    assert (run.path / "config.toml").read_bytes() == before
