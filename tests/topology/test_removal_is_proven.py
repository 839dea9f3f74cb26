"""Random cuts of every topology: the masked and the removed network agree to 1e-9."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._pytree import tree_leaves

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
        whole, cut = (tree_leaves(network_of(*inputs)) for network_of in (network, mask(network, anatomy, kept)))
    assert not all(torch.allclose(before, after, rtol=1e-3) for before, after in zip(whole, cut, strict=True))


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


WIDTHS = {
    "Plain": {"conv1": 7, "conv2": 5, "fc1": 11},
    "Residual": {"stem": 6, "a.conv1": 8, "b.conv1": 8, "down": 8, "c.conv1": 10},
    "PaddedShortcut": {"stem": 4},
    "Concat": {"left": 5, "right": 7, "mix": 6},
    "NestedConcat": {"a": 5, "c": 4, "block.conv1": 14},
    "ComputedHalves": {"mid": 8},
    "Gated": {"a": 8, "c": 6, "first#2": 4},
    "SplitStreams": {"stem": 5, "left.conv1": 7},
    "Depthwise": {"expand": 9, "squeeze": 3, "project": 1, "single": 1},
    "Grouped": {"stem": 4},
    "Shuffled": {"stem": 6},
    "PixelShuffled": {"a": 5, "b": 3},
    "Upsampled": {"down": 6, "up": 5},
    "Sequence": {"b": 7},
    "Attention": {"q": 4, "up": 13},
    "HandWrittenAttention": {"q": 3},
    "PackedAttention": {"qkv": 5},
    "InPlace": {"a": 5, "d#2": 3, "e": 4},
    "Einsum": {"a": 7, "c": 9},
    "TwoInputs": {"image": 7, "side": 6},
    "Words": {"words": 9, "up": 13},
    "Constants": {"folded": 6, "reader": 5, "after": 5},
    "Shared": {"stem": 6},
    "SharedReader": {"a": 5, "same": 4},
    "FlattenedResidual": {"conv": 5},
    "Protected": {"free": 5},
    "EqualizedRate": {"a": 7, "b": 5, "c": 9},
    "WeightStandardized": {"a": 5, "b": 7},
    "FakeQuantized": {"a": 6, "b": 5, "c": 7},
    "WeightNormalized": {"a": 2, "c": 5, "whole": 9, "up": 7},
    "SpectrallyNormalized": {"c": 7},
    "MaskedWeights": {"a": 7, "b": 5},
    "UnitLength": {"a": 7, "b": 6, "c": 5, "query": 9},
    "HeldByStatistics": {"free": 5},
    "RepeatedBlur": {"a": 7, "b": 5},
    "Recurrent": {"first": 7, "steps": 5},
    "Chained": {"encode": 6, "bare": 7, "small": 3},
    "Rows": {"a": 5, "steps": 7},
    "Cells": {"first": 6, "long": 5, "gated": 7, "plain": 3},
    "GivenState": {"first": 7},
    "Extrema": {"a": 7, "c": 9},
    "Moments": {"a": 7, "b": 5},
    "Spectra": {"a": 7, "b": 5, "c": 6},
    "FourierUnit": {"a": 6, "mix": 5},
    "Sampled": {"local": 5, "a": 7},
    "Windows": {"a": 5, "b": 6, "c": 7},
    "Copied": {"a": 7, "b": 5, "c": 4},
    "Generator": {"start": 7, "up": 5},
    "Decoder": {"start": 5, "up": 4, "other": 6},
    "Unpooled": {"a": 7, "b": 5},
    "Halves": {"a": 5, "b": 6, "up": 7},
}


@pytest.mark.parametrize("name", NETWORKS)
def test_just_what_can_be_removed_is_found_removable(traced, name):
    assert sizes(traced, name) == WIDTHS[name]


@pytest.mark.parametrize(
    ("network", "group", "reason"),
    [
        ("Plain", "fc2", "output of the network"),
        ("PaddedShortcut", "wide", "meets channels that cannot be cut (add)"),
        ("Attention", "embed", "layer_norm takes its statistics over these channels (layer_norm in norm)"),
        (
            "Sequence",
            "a",
            "a removed channel would leave more than a constant: layer_norm of a constant (layer_norm in time)",
        ),
        ("InPlace", "c", "written in place through a view (mul)"),
        ("Constants", "padded", "a removed channel would leave 1 in the padding's place (conv2d in after)"),
        (
            "Constants",
            "bare",
            "a removed channel would leave 0.693147 and there is no bias to take it (linear in last)",
        ),
        ("SharedReader", "c", "a removed channel would leave 0 to one use of mixed.weight and 0.5 to another"),
        ("Protected", "sorted", "sort over channels (sort)"),
        ("Protected", "softmax", "softmax over channels (softmax)"),
        ("Protected", "picked", "channels are picked by number (index)"),
        ("Protected", "viewed", "the proof of removal failed: RuntimeError"),
        ("Gated", "gate", "a single channel that meets many (mul)"),
        ("Gated", "b", "a removed channel would leave more than a constant: add in between (add)"),
        ("ComputedHalves", "parts", "the proof of removal failed: outputs differ by"),
        ("InPlace", "d", "written in place through a view (copy)"),
        ("WeightStandardized", "held", "its weight is computed with statistics over these channels (conv2d in a)"),
        ("WeightStandardized", "plain", "its weight is computed with statistics over these channels (conv2d in b)"),
        ("FakeQuantized", "held", "its weight is computed with statistics over these channels (conv2d in c)"),
        ("SpectrallyNormalized", "a", "its weight is computed with statistics over these channels (conv2d in b)"),
        ("HeldByStatistics", "mean", "mean over channels (mean)"),
        ("HeldByStatistics", "largest", "amax over channels (amax)"),
        ("Chained", "small#2", "torch wants more cells than their projection has channels (lstm in small)"),
        ("GivenState", "steps", "begins with values that masking does not zero (gru in steps)"),
        ("Sampled", "theta", "a matrix of coordinates (affine_grid_generator)"),
    ],
)
def test_what_cannot_be_removed_is_protected_with_its_reason(traced, network, group, reason):
    cluster_group = traced[network][1].group(group)
    assert not cluster_group.removable and reason in cluster_group.reason


def test_a_dead_head_takes_its_rows_of_query_key_and_value_and_the_count_of_heads(traced):
    network, anatomy, _ = traced["Attention"]
    small = remove(network, anatomy.plan({"q": [0, 3]}))
    assert small.num_heads == 2 and network.num_heads == 4
    assert torch.equal(small.v.weight, network.v.weight[[*range(5), *range(15, 20)]])
    assert torch.equal(small.out.weight, network.out.weight[:, [*range(5), *range(15, 20)]])


def test_a_dead_block_of_a_grouped_convolution_lowers_its_groups(traced):
    network, anatomy, _ = traced["Grouped"]
    small = remove(network, anatomy.plan({"stem": [1, 2, 3]}))
    assert (small.gn.num_groups, small.gn.num_channels) == (3, 9)
    assert (small.grouped.groups, small.grouped.in_channels, small.grouped.out_channels) == (3, 9, 6)
    assert (small.doubled.groups, small.doubled.in_channels, small.doubled.out_channels) == (6, 6, 12)


def test_a_transposed_convolution_is_cut_along_its_second_dimension(traced):
    network, anatomy, _ = traced["Upsampled"]
    small = remove(network, anatomy.plan({"up": [0, 2]}))
    assert torch.equal(small.up.weight, network.up.weight[:, [0, 2]])
    assert (small.each.groups, small.each.in_channels, small.each.out_channels) == (2, 2, 4)


def test_a_constant_that_a_dead_channel_leaves_goes_into_the_reader_s_bias(traced):
    network, anatomy, _ = traced["Constants"]
    small = remove(network, anatomy.plan({"folded": [0, 1, 2, 3]}))
    expected = network.reader.bias + 1.5 * network.reader.weight[:, 4:].sum((1, 2, 3))
    assert torch.allclose(small.reader.bias, expected)
