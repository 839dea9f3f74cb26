"""The peers of the study: each makes a smaller network that meets a latency, with the ancestor's weights.

None of them trains: the study gives all networks the same last training. `Goal` says what a peer is given, and
`OutOfReachError` that its form has no network as fast. Torch-Pruning and FastNAS import their packages when they are
called.
"""

from benchmarks.clock_curve.peers.fastnas import FastNas
from benchmarks.clock_curve.peers.goal import Goal, OutOfReachError, Shrink
from benchmarks.clock_curve.peers.halp import halp_knapsack
from benchmarks.clock_curve.peers.random_blocks import random_blocks
from benchmarks.clock_curve.peers.torch_pruning_taylor import torch_pruning_taylor
from benchmarks.clock_curve.peers.uniform_width import uniform_width

PEERS: dict[str, Shrink] = {
    "torch-pruning": torch_pruning_taylor,
    "uniform width": uniform_width,
    "random blocks": random_blocks,
    "HALP knapsack": halp_knapsack,
    "FastNAS": FastNas(),
}

__all__ = ["PEERS", "Goal", "OutOfReachError", "Shrink"]
