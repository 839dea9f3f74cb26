"""Each peer meets the latency with a network of its own form, or says how near it comes."""

import copy

import pytest
import torch

from benchmarks.clock_curve.peers import PEERS, OutOfReachError

PACKAGES = {"torch-pruning": "torch_pruning", "FastNAS": "modelopt.torch.prune"}
NARROWING = [name for name in PEERS if name != "random blocks"]


def peer(name):
    if name in PACKAGES:
        pytest.importorskip(PACKAGES[name])
    return PEERS[name]


@pytest.mark.parametrize("name", PEERS)
def test_a_peer_meets_the_latency_and_leaves_the_ancestor_as_it_is(name, goal_of, network):
    before, goal = copy.deepcopy(network.state_dict()), goal_of(0.75)
    small = peer(name)(goal)
    assert goal.latency(small) <= goal.most_ms
    assert network.state_dict().keys() == before.keys()
    assert all(torch.equal(tensor, before[key]) for key, tensor in network.state_dict().items())
    assert all(parameter.grad is None for parameter in (*small.parameters(), *network.parameters()))
    assert small(torch.zeros(3, *goal.task.input_shape)).shape == (3, 10) and not small.training
    sizes = [sum(parameter.numel() for parameter in each.parameters()) for each in (small, network)]
    assert sizes[0] < sizes[1]


@pytest.mark.parametrize("name", PEERS)
def test_what_a_peer_leaves_can_be_trained(name, goal_of):
    goal = goal_of(0.75)
    small = peer(name)(goal).train()
    goal.task.loss(small(goal.task.train.images[:8]), goal.task.train.labels[:8]).backward()
    assert all(parameter.grad is not None for parameter in small.parameters())


@pytest.mark.parametrize("name", PEERS)
def test_a_latency_that_is_met_already_takes_nothing_away(name, goal_of, network):
    small = peer(name)(goal_of(1.0))
    assert [tensor.shape for tensor in small.parameters()] == [tensor.shape for tensor in network.parameters()]
    assert small is not network


@pytest.mark.parametrize("name", PEERS)
def test_a_latency_out_of_reach_is_told_with_the_least(name, goal_of):
    goal = goal_of(0.01)
    with pytest.raises(OutOfReachError, match="at least") as error:
        peer(name)(goal)
    assert goal.most_ms < error.value.least_ms < goal_of(1.0).most_ms


@pytest.mark.parametrize("name", NARROWING)
def test_a_peer_that_narrows_keeps_all_layers_at_widths_that_are_multiples(name, goal_of, network):
    small = peer(name)(goal_of(0.75))
    layers = [module for module in small.modules() if isinstance(module, torch.nn.Conv2d)]
    assert len(layers) == sum(isinstance(module, torch.nn.Conv2d) for module in network.modules())
    assert {layer.out_channels % 8 for layer in layers} == {0}
