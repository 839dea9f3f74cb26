"""Blocks are drawn by the seed, as many as the latency asks for, and the last one is the best fit."""

from benchmarks.clock_curve.peers import random_blocks
from edgesynth.ancestors.zoo.resnet_cifar import Block


def blocks(network):
    return {name for name, module in network.named_modules() if isinstance(module, Block)}


def test_as_many_blocks_go_as_the_latency_asks_for(goal_of, network):
    # Two layers of 1, 4 and 16 ms in each block of a stage of 16, 32 and 64 channels.
    for share in (0.95, 0.7, 0.3):
        goal = goal_of(share)
        small = random_blocks(goal)
        back = max(goal.latency(small), goal.most_ms)
        assert blocks(small) < blocks(network) and goal.latency(small) <= goal.most_ms == back


def test_the_seed_decides_which(goal_of):
    drawn = [frozenset(blocks(random_blocks(goal_of(0.5, seed=seed)))) for seed in (0, 0, 1, 2, 3)]
    assert drawn[0] == drawn[1] and len(set(drawn)) > 1
