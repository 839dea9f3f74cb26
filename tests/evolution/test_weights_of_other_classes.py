"""An ancestor that was trained for other classes: its head starts untrained, and must be trained."""

import pytest
import safetensors.torch
import torch

from edgesynth.ancestors import build_ancestor
from edgesynth.errors import UserError
from edgesynth.evolution import evolve
from edgesynth.lineage import Config
from tests.tasks.own.test_own_tasks import write_images


@pytest.fixture
def data(tmp_path):
    return f"imagefolder:{write_images(tmp_path / 'data', 10)}"


def test_without_training_it_is_refused_before_anything_is_written(tmp_path, data):
    torch.manual_seed(0)
    safetensors.torch.save_file(build_ancestor("resnet20", 10).state_dict(), tmp_path / "weights.safetensors")
    config = Config(
        ancestor="resnet20",
        task=data,
        image_size=8,
        weights=tmp_path / "weights.safetensors",
        ancestor_epochs=0,
    )
    with pytest.raises(UserError, match=r"linear is of 10 classes there and of 2 here, .*; --ancestor-epochs is 0"):
        evolve(tmp_path / "run", config)
    assert not (tmp_path / "run").exists()


def test_torchvision_s_weights_are_those_for_the_run_s_ancestor(tmp_path, data, monkeypatch):
    def download(url, target, *rest, **more):
        assert "/squeezenet1_1-" in url
        torch.save(build_ancestor("squeezenet1_1").state_dict(), target)

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    given = {"ancestor": "squeezenet-cifar", "weights": "torchvision", "ancestor_epochs": 0}
    # With this seed the untrained network gives more than zeros after its last ReLU.
    config = Config(**given, task=data, image_size=16, seed=2)
    told = r"SqueezeNet1_1_Weights.IMAGENET1K_V1: classifier.1 is of 1,000 classes there and of 2 here, .*-epochs is 0"
    with pytest.raises(UserError, match=told):
        evolve(tmp_path / "run", config)
    assert not (tmp_path / "run").exists()
