"""A small residual network, noise to learn from, and a machine that computes channels sixteen at a time."""

import numpy as np
import pytest
import torch

from benchmarks.clock_curve.peers import Goal
from edgesynth.ancestors.zoo.resnet_cifar import ResNet
from edgesynth.boards.probed import linear_shape
from edgesynth.planning.cost.times import LatencyTimes
from edgesynth.tasks import Classification
from edgesynth.tasks.task import Split

SHAPE = (3, 8, 8)
ANY = linear_shape(1)  # there all kinds of layers cost the same


class Sixteens(LatencyTimes):
    """A layer costs by the blocks of sixteen channels that it reads and writes; what lies beside costs nothing."""

    call_ms, source, machine, mode = 0.5, "sixteens", "a machine", "as it is"

    def times_ms(self, layer, inputs, outputs):
        return 1.0 * np.outer(*(-(-np.asarray(widths) // 16) for widths in (inputs, outputs)))

    def beside_ms(self, beside):
        return 0.0


@pytest.fixture(scope="session")
def latency():
    """Predicts the latency of a network there."""

    def predicted(network):
        layers = [module for module in network.modules() if isinstance(module, torch.nn.Conv2d | torch.nn.Linear)]
        widths = (layer.weight.shape[:2] for layer in layers)
        return Sixteens.call_ms + sum(Sixteens().time_ms(ANY, inputs, outputs) for outputs, inputs in widths)

    return predicted


@pytest.fixture(scope="session")
def noise():
    draws = torch.Generator().manual_seed(0)

    def split(count):
        return Split(torch.randn(count, *SHAPE, generator=draws), torch.randint(10, (count,), generator=draws))

    return Classification("noise", split(800), split(64), split(64).itself, [str(label) for label in range(10)])


@pytest.fixture
def network():
    """Two blocks a stage."""
    torch.manual_seed(0)
    network = ResNet(2)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias)
    return network.eval()


@pytest.fixture
def goal_of(network, noise, latency):
    """Makes the goal of a share of the network's latency."""

    def goal(share, round_to=8, seed=0):
        most_ms = share * latency(network)
        return Goal(network, noise, most_ms, latency, Sixteens(), round_to, seed)

    return goal
