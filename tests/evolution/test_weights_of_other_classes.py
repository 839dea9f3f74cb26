"""An ancestor that was trained for other classes: its head starts untrained, and must be trained."""

import pytest
import safetensors.torch
import torch

from edgesynth.ancestors import build_ancestor
from edgesynth.errors import UserError
from edgesynth.evolution import evolve
from edgesynth.lineage import Config
from tests.tasks.test_own_tasks import write_images


def test_without_training_it_is_refused_before_anything_is_written(tmp_path):
    torch.manual_seed(0)
    safetensors.torch.save_file(build_ancestor("resnet20", 10).state_dict(), tmp_path / "weights.safetensors")
    config = Config(
        ancestor="resnet20",
        task=f"imagefolder:{write_images(tmp_path / 'data', 10)}",
        image_size=8,
        weights=tmp_path / "weights.safetensors",
        ancestor_epochs=0,
    )
    with pytest.raises(UserError, match=r"linear is of 10 classes there and of 2 here, .*; --ancestor-epochs is 0"):
        evolve(tmp_path / "run", config)
    assert not (tmp_path / "run").exists()
