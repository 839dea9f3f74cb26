"""An offspring whose training runs away dies, and the run says so; what cannot be trained on is refused at once."""

import json

import pytest
import torch

from tests.tiny_ancestor import NAME


def test_a_run_whose_offspring_all_die_stops_and_says_of_what(tmp_path, edgesynth, refused):
    # Logits over so low a temperature are infinite: the ancestor, which has no teacher, lives.
    options = ["--ancestor", NAME, "--ancestor-epochs", "6", "--epochs", "1", "--strength", "magnitude"]
    options += ["--min-accuracy", "15"]
    options += ["--generations", "3", "--distillation-temperature", "1e-300"]
    result = edgesynth("evolve", *options, "--run", "run", cwd=tmp_path)
    refused(
        result,
        "run has no feasible offspring: all 2 offspring of generation 1 died in their nurture",
        "(g001-c0: the loss was nan in epoch 1); lower --learning-rate",
    )
    assert result.stdout.count("died: the loss was nan in epoch 1") == 2
    record = json.loads((tmp_path / "run/individuals/g001-c1/individual.json").read_text())
    assert record["nurture"]["died"] == "the loss was nan in epoch 1"
    assert (record["validation"], record["feasible"]) == (0.0, False)
    assert json.loads((tmp_path / "run/outcome.json").read_text())["stopped"] == "death"

    again = edgesynth("evolve", "--run", "run", "--resume", cwd=tmp_path)
    refused(again, "all 2 offspring of generation 1 died")
    assert again.stdout.count("kept from before  died: ") == 2


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here, so cuda is not refused")
def test_a_gpu_that_is_not_there_is_refused_before_anything_is_written(tmp_path, edgesynth, refused):
    refused(edgesynth("evolve", "--device", "cuda", "--run", "run", cwd=tmp_path), "--device is cuda", "--device auto")
    assert list(tmp_path.iterdir()) == []
