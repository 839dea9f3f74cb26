"""Channels that all blocks of a stage share are cut where they are, the padded ones too."""

import copy

import pytest
import torch

from benchmarks.clock_curve.peers.streams import channels_of


@pytest.fixture
def channels(goal_of):
    return channels_of(goal_of(0.5))


def masked(network, channels, kept):
    """The network with zeros in place of the channels that are not kept."""
    network = copy.deepcopy(network)
    for group in channels.anatomy.removable:
        dead = torch.ones(group.size, dtype=torch.bool)
        dead[kept[group.name]] = False
        for member in group.members:
            if member.role in ("weight", "emit"):
                network.get_parameter(member.parameter).data.index_fill_(member.dim, member.lines(dead), 0)
    return network


@pytest.mark.parametrize("round_to", [1, 3, 8])
def test_the_cut_network_computes_what_the_masked_one_does(channels, network, round_to):
    draws = torch.Generator().manual_seed(round_to)
    kept = {}
    for group in channels.anatomy.removable:
        widths = channels.widths(group, round_to)
        width = widths[int(torch.randint(len(widths), (1,), generator=draws))]
        kept[group.name] = channels.order(group, torch.rand(group.size, generator=draws))[:width]
    images = torch.randn(4, 3, 8, 8, generator=draws)
    small = channels.cut(network, kept)
    assert torch.allclose(small(images), masked(network, channels, kept)(images), atol=1e-5)
    assert small.layer3[0].conv2.out_channels == sum(
        len(kept[name]) for name in ("conv1", "layer2.0.conv2", "layer3.0.conv2")
    )


def test_the_groups_are_the_widths_of_blocks_and_of_stages(channels):
    blocks = [f"layer{stage}.{block}.conv1" for stage in (1, 2, 3) for block in (0, 1)]
    names = {"conv1", "layer2.0.conv2", "layer3.0.conv2", *blocks}
    assert {group.name for group in channels.anatomy.removable} == names


def test_padded_channels_go_in_pairs_from_the_front_and_the_back(channels):
    group = channels.anatomy.group("layer2.0.conv2")
    order = channels.order(group, torch.arange(16))
    assert order[:4] == [7, 15, 6, 14] and sorted(order) == list(range(16))
    assert channels.widths(group, 3) == [4, 8, 12, 16] and channels.widths(group, 8) == [8, 16]
