"""One factor for all widths; the strongest channels stay."""

import torch

from benchmarks.clock_curve.peers.streams import channels_of
from benchmarks.clock_curve.peers.uniform_width import group_norms, scaled_widths, uniform_width


def test_all_widths_fall_together_and_end_at_the_least(goal_of):
    channels = channels_of(goal_of(0.5))
    shapes = [
        tuple(widths[name] for name in ("conv1", "layer2.0.conv1", "layer3.0.conv1"))
        for widths in scaled_widths(channels, 8)
    ]
    assert shapes[0] == (16, 32, 64) and (8, 16, 32) in shapes and shapes[-1] == (8, 8, 8)
    assert shapes == sorted(set(shapes), reverse=True)


def test_the_next_wider_network_is_too_slow(goal_of, network):
    goal = goal_of(0.6)
    channels, widths = channels_of(goal), uniform_width(goal).layer3[0].conv1.out_channels
    wider = [shape for shape in scaled_widths(channels, 8) if shape["layer3.0.conv1"] > widths]
    cut = channels.cut(network, {name: list(range(width)) for name, width in wider[-1].items()})
    assert goal.latency(cut) > goal.most_ms


def test_the_norm_counts_all_that_dies_with_a_channel(goal_of, network):
    channels = channels_of(goal_of(0.5))
    block = network.layer2[1]
    expected = (block.conv1.weight.square().sum((1, 2, 3)) + block.conv2.weight.square().sum((0, 2, 3))).sqrt()
    assert torch.allclose(group_norms(channels)["layer2.1.conv1"].float(), expected)
