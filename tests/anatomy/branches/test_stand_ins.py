"""Stand-ins are plain data, and go where the branch was."""

import json
from dataclasses import asdict

import pytest
import torch

from edgesynth.anatomy import mask, remove, trace
from edgesynth.anatomy.branches.stand_ins import StandIns
from tests.anatomy.branches.networks import images, network, traced, without_branches


@pytest.mark.parametrize("name", ["bare parameters", "joined, stream read again", "list of blocks"])
def test_they_are_the_same_after_json(name):
    anatomy = traced(name)[1]
    stand_ins = anatomy.plan({branch.name: [] for branch in anatomy.removable_branches}).stand_ins
    assert StandIns.from_json(json.loads(json.dumps(asdict(stand_ins)))) == stand_ins


def test_a_module_within_one_that_is_gone_is_replaced_and_one_of_a_similar_name_is_not():
    stand_ins = StandIns(skipped=("blocks.1",))
    assert stand_ins.replaces("blocks.1") and stand_ins.replaces("blocks.1.conv")
    assert not stand_ins.replaces("blocks.10") and not stand_ins.replaces("blocks")


def test_they_are_in_the_mode_of_what_they_replace():
    model = network("transformer").train()
    _, small = without_branches(model, trace(model, images()))
    assert small.middle[0].attention.training


def test_they_answer_what_a_forward_may_ask_of_what_they_replace():
    model, anatomy = traced("encoder of torch")
    small = remove(model, anatomy.plan({branch.name: [] for branch in anatomy.removable_branches[:2]}))
    layer = small.middle[0].encoder.layers[0]
    assert (layer.self_attn.batch_first, layer.norm1.eps, layer.linear1.in_features) == (True, 1e-5, 4)
    assert layer.self_attn.in_proj_bias is None and layer.linear1.weight is None


def test_of_torch_s_transformer_layer_one_branch_may_go_alone_in_evaluation():
    model, anatomy = traced("encoder of torch")
    with torch.no_grad():  # where it takes its fast path
        for branch in anatomy.removable_branches:
            kept = {branch.name: []}
            expected = mask(model, anatomy, kept)(images(3))
            assert torch.allclose(remove(model, anatomy.plan(kept))(images(3)), expected, rtol=0, atol=1e-9)
