"""Random cuts of every topology: the masked and the removed network agree to 1e-9."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from edgesynth.anatomy import mask, prove, prove_groups, remove, trace

from .networks import NETWORKS, build


@pytest.fixture(scope="module")
def traced():
    found = {}
    for name in NETWORKS:
        network, inputs = build(name)
        found[name] = (network, prove_groups(network, trace(network, inputs), inputs), inputs)
    return found


@pytest.mark.parametrize("name", NETWORKS)
@given(data=st.data())
@settings(max_examples=12, deadline=None, derandomize=True)
def test_masked_and_removed_networks_agree(traced, name, data):
    network, anatomy, inputs = traced[name]
    kept = {
        group.name: sorted(data.draw(st.sets(st.integers(0, group.size - 1), min_size=1), label=group.name))
        for group in anatomy.removable
    }
    proof = prove(network, anatomy, kept, inputs)
    assert proof, f"{kept}: {proof}"
    small = remove(network, anatomy.plan(kept))
    census = anatomy.census(kept)
    assert sum(parameter.numel() for parameter in small.parameters()) == census.params


@pytest.mark.parametrize("name", NETWORKS)
def test_half_of_the_clusters_cut_leaves_outputs_that_differ_from_the_whole_network(traced, name):
    network, anatomy, inputs = traced[name]
    kept = {group.name: range(0, group.size, 2) for group in anatomy.removable}
    with torch.no_grad():
        assert not torch.allclose(network(*inputs), mask(network, anatomy, kept)(*inputs), rtol=1e-3)


@pytest.mark.parametrize("name", NETWORKS)
def test_tracing_and_removal_leave_the_model_as_it_was(name):
    network, inputs = build(name)
    network.train()
    before = copy.deepcopy(network.state_dict())
    anatomy = trace(network, inputs)
    remove(network, anatomy.plan({group.name: [0] for group in anatomy.removable}))
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert all(module.training for module in network.modules())


def sizes(traced, name):
    return {group.name: group.size for group in traced[name][1].removable}


def test_a_residual_stream_is_one_group_and_inner_layers_are_their_own(traced):
    assert sizes(traced, "Residual") == {"stem": 6, "a.conv1": 8, "b.conv1": 8, "down": 8, "c.conv1": 10}
    stream = traced["Residual"][1].group("stem")
    assert {member.parameter for member in stream.writers()} == {"stem.weight", "a.conv2.weight", "b.conv2.weight"}


def test_branches_of_a_concat_are_removed_independently(traced):
    assert sizes(traced, "Concat") == {"left": 5, "right": 7, "mix": 6}


def test_a_tensor_joined_with_itself_has_both_copies_cut(traced):
    network, anatomy, _ = traced["Concat"]
    small = remove(network, anatomy.plan({"mix": [1, 4]}))
    assert torch.equal(small.twice.weight, network.twice.weight[:, [1, 4, 7, 10]])


def test_a_flattened_channel_takes_its_whole_image_with_it(traced):
    network, anatomy, _ = traced["Plain"]
    small = remove(network, anatomy.plan({"conv2": [0, 3]}))
    assert torch.equal(small.fc1.weight, network.fc1.weight[:, [*range(4), *range(12, 16)]])
    assert small.fc1.in_features == 8


def test_a_depthwise_filter_lives_and_dies_with_its_channel(traced):
    network, anatomy, _ = traced["Depthwise"]
    small = remove(network, anatomy.plan({"expand": [2, 5, 8]}))
    assert (small.depth.groups, small.depth.in_channels, small.depth.out_channels) == (3, 3, 3)
    assert small.squeeze.in_channels == 3 and small.excite.out_channels == 3


def test_a_convolution_of_one_channel_is_not_taken_for_depthwise(traced):
    anatomy = traced["Depthwise"][1]
    assert anatomy.group("project").size == 1 and anatomy.group("single").size == 1
    assert anatomy.group("project") is not anatomy.group("single")


def test_a_module_used_twice_and_a_weight_with_two_names_tie_what_they_read_to_what_they_write(traced):
    network, anatomy, _ = traced["Shared"]
    assert sizes(traced, "Shared") == {"stem": 6}
    small = remove(network, anatomy.plan({"stem": [0, 4]}))
    assert small.second.weight is small.first.weight and small.second.weight.shape == (2, 2)


@pytest.mark.parametrize(
    ("group", "reason"),
    [
        ("sigmoid", "sigmoid of 0 is not 0"),
        ("softmax", "no rule for softmax"),
        ("grouped", "grouped convolution, 2 groups (conv2d in grouped)"),
        ("viewed", "the proof of removal failed"),
        ("out", "output of the network"),
    ],
)
def test_what_cannot_be_removed_is_protected_with_its_reason(traced, group, reason):
    found = traced["Protected"][1].group(group)
    assert not found.removable and reason in found.reason
    assert sizes(traced, "Protected") == {"free": 5}
