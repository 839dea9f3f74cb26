"""Where features are compared: where what blocks have added up is read last."""

import pytest
import torch
from test_dying_branches import NAME, SECOND, genome, kind  # noqa: F401  (fixture)
from torch import nn

from edgesynth.anatomy import remove, trace
from edgesynth.ancestors import build_ancestor
from edgesynth.errors import UserError
from edgesynth.evolution import evolve, replay
from edgesynth.evolution.offspring.matched_streams import matched_streams
from edgesynth.lineage import resolve


def test_of_a_residual_network_the_ends_of_its_stages_are_matched():
    network = build_ancestor("resnet20").eval()
    anatomy = trace(network, (torch.zeros(2, 3, 32, 32),))
    whole = {group.name: list(range(group.size)) for group in anatomy.groups if group.removable}
    plan = anatomy.plan(whole)
    assert matched_streams(anatomy, plan, remove(network, plan)) == {
        "layer2.0.conv1": None,
        "layer3.0.conv1": None,
        "linear": None,
    }


def test_a_plain_network_is_matched_before_its_answer():
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 8), nn.ReLU(), nn.Linear(8, 3))
    anatomy = trace(network.eval(), (torch.zeros(2, 1, 8, 8),))
    plan = anatomy.plan({"3": [1, 4]})
    (name, kept) = next(iter(matched_streams(anatomy, plan, remove(network, plan)).items()))
    assert name == "5" and kept.tolist() == [1, 4]


def test_the_channels_of_a_stream_that_are_left_are_compared(kind):  # noqa: F811
    stream = next(group.name for group in kind.anatomy.groups if group.size == 8)
    drawn = genome(kind, dead=[SECOND], **{stream: [0, 3, 7]})
    plan = kind.plan(drawn)
    matched = matched_streams(kind.anatomy, plan, remove(kind.model, plan))
    assert list(matched) == ["out"] and matched["out"].tolist() == [0, 3, 7]


def test_a_run_with_features_is_another_and_replayed_bit_for_bit(tmp_path):
    options = {
        "ancestor": NAME,
        "task": "digits",
        "ancestor_epochs": 1,
        "epochs": 1,
        "final_epochs": 1,
        "generations": 2,
        "offspring": 1,
        "keep_clusters": 0.7,
        "encoding": "cluster",
        "min_accuracy": 0.0,
    }
    plain = evolve(tmp_path / "plain", resolve(None, options))
    taught = evolve(tmp_path / "taught", resolve(None, {**options, "feature_distillation": 2.0}))
    name = taught.outcome()["best"]
    assert name == plain.outcome()["best"]
    assert taught.record(name).nurture["losses"] != plain.record(name).nurture["losses"]
    assert replay(taught, name).difference == ""


def test_a_weight_below_zero_is_refused():
    with pytest.raises(UserError, match="feature"):
        resolve(None, {"feature_distillation": -1.0})
