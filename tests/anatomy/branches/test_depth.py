"""What is left of a network whose branches are gone."""

import copy
import pickle

import pytest
import torch

from edgesynth.anatomy import RemovalPlan, mask, prove, remove
from edgesynth.anatomy.branches.absent import AbsentModule, Skipped
from edgesynth.errors import UserError
from tests.anatomy.branches.networks import MIDDLES, images, network, traced, without_branches

WITH = [name for name, (_, removable, _) in MIDDLES.items() if removable]


@pytest.mark.parametrize("name", WITH)
def test_without_any_of_its_branches_a_network_gives_what_the_masked_one_gives(name):
    model, anatomy = traced(name)
    names = [branch.name for branch in anatomy.removable_branches]
    for dead in [names, *([each] for each in names if len(names) > 1)]:
        kept = {branch: [] for branch in dead}
        small = remove(model, anatomy.plan(kept))
        expected = mask(model, anatomy, kept)(images(3))
        assert torch.allclose(small(images(3)), expected, rtol=0, atol=1e-9), dead
        assert not torch.allclose(model(images(3)), expected, rtol=0, atol=1e-3), "the branch did nothing"


@pytest.mark.parametrize("name", WITH)
def test_no_parameter_of_a_branch_is_left_and_the_census_knows(name):
    model, anatomy = traced(name)
    kept, small = without_branches(model, anatomy)
    gone = {own for branch in anatomy.removable_branches for own in branch.parameters}
    assert not gone & {*small.state_dict()}
    assert anatomy.census(kept).params == sum(parameter.numel() for parameter in small.parameters())
    assert anatomy.census(kept).params < anatomy.census().params


def test_branches_and_channels_go_together():
    model, anatomy = traced("list of blocks")
    kept = {group.name: list(range(0, group.size, 2)) for group in anatomy.removable}
    kept[anatomy.removable_branches[1].name] = []
    assert prove(model, anatomy, kept, (images(),)).max_rel < 1e-9


def test_a_block_whose_branches_are_gone_is_its_input():
    _, small = without_branches(*traced("post-activation twice"))
    assert isinstance(small.middle[1], Skipped)
    # The stream of the first block may be below zero, so that its ReLU has to stay.
    assert isinstance(small.middle[0].layer2, AbsentModule)


def test_a_block_that_is_given_more_than_the_stream_is_not_taken_for_its_first_input():
    _, small = without_branches(*traced("two inputs, two outputs"))
    assert not [module for module in small.modules() if isinstance(module, Skipped)]


def test_two_layers_of_one_weight_are_both_gone():
    _, small = without_branches(*traced("tied"))
    assert {*small.state_dict()} == {"stem.weight", "stem.bias", "head.weight", "head.bias"}


def test_a_parameter_that_others_read_stays():
    _, small = without_branches(*traced("bias read elsewhere"))
    assert [name for name in small.state_dict() if name.startswith("middle")] == ["middle.0.f.bias"]


@pytest.mark.parametrize("name", WITH)
def test_the_small_network_runs_in_half_precision(name):
    _, small = without_branches(*traced(name))
    expected = small(images(3))
    given = copy.deepcopy(small).half()(images(3).half())
    assert given.dtype == torch.float16
    assert (given.double() - expected).abs().max() < 0.02 * expected.abs().max()


@pytest.mark.parametrize("name", ["bare parameters", "transformer", "joined, stream read again", "written into"])
def test_copies_of_the_small_network_give_what_it_gives(name):
    model, anatomy = traced(name)
    kept, small = without_branches(model, anatomy)
    expected = small(images())
    assert torch.equal(copy.deepcopy(small)(images()), expected)
    assert torch.equal(pickle.loads(pickle.dumps(small))(images()), expected)
    other = remove(network(name).float().double(), RemovalPlan.from_json(anatomy.plan(kept).to_json()))
    for parameter in other.parameters():
        parameter.data.zero_()
    other.load_state_dict(small.state_dict())
    assert torch.equal(other(images()), expected)


def test_a_branch_dies_with_the_channels_that_all_of_it_goes_through_and_with_those_that_it_joined():
    for name, group in (("pre-activation", "middle.0.conv1"), ("dense", "middle.0.f.0")):
        anatomy = traced(name)[1]
        branch = next(each for each in anatomy.branches if group in (each.joined, *each.cutting))
        assert anatomy.plan({group: []}).kept == anatomy.plan({branch.name: []}).kept


def test_a_branch_that_must_stay_and_channels_that_are_no_branch_are_refused():
    anatomy = traced("sigmoid")[1]
    with pytest.raises(UserError, match=r"middle\.0/branch cannot be removed: what it gives is not zero"):
        anatomy.plan({"middle.0/branch": []})
    with pytest.raises(UserError, match="stem would be left without a cluster"):
        traced("U-Net")[1].plan({"stem": []})


def test_a_branch_that_is_named_as_kept_stays():
    anatomy = traced("nested")[1]
    assert anatomy.plan({branch.name: [0] for branch in anatomy.branches}).kept == {}


def test_macs_of_products_of_activations_go_with_the_branch():
    anatomy = traced("attention spelt out")[1]
    kept = {branch.name: [] for branch in anatomy.removable_branches}
    # Two products of 36 by 36 places, over all 4 channels.
    assert anatomy.census().activation_macs == 2 * 36 * 36 * 4
    assert anatomy.census(kept).activation_macs == 0
