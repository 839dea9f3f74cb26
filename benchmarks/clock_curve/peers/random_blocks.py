"""Random blocks: whole residual blocks are removed, drawn at random.

The control for every choice of depth: the first blocks are drawn, and the last one is that of the others whose removal
comes closest to the latency from below.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import nn

from benchmarks.clock_curve.peers.goal import Goal, OutOfReachError
from edgesynth.anatomy import remove, trace
from edgesynth.lineage import generator


def random_blocks(goal: Goal) -> nn.Module:
    """The ancestor without some of its blocks.

    Raises:
        OutOfReachError: without any of its removable blocks it is still too slow.
    """
    anatomy = trace(copy.deepcopy(goal.network), (torch.zeros(2, *goal.task.input_shape),))
    names = [branch.name for branch in anatomy.removable_branches]
    drawn = [names[place] for place in torch.randperm(len(names), generator=generator(goal.seed, 0, 0, "blocks"))]

    def without(blocks: Sequence[str]) -> tuple[float, nn.Module]:
        small = remove(goal.network, anatomy.plan({name: [] for name in blocks}))
        return goal.latency(small), small

    for count in range(len(drawn) + 1):
        latency_ms, small = without(drawn[:count])
        if latency_ms <= goal.most_ms:
            break
    else:
        raise OutOfReachError("removing blocks", latency_ms, goal)
    if count == 0:
        return small
    others = (without([*drawn[: count - 1], name]) for name in drawn[count:])
    fitting = [(latency_ms, small), *(other for other in others if other[0] <= goal.most_ms)]
    return max(fitting, key=lambda network: network[0])[1]
