"""The knapsack of HALP's form: its solver, its steps and its importance."""

import itertools

import numpy as np
import pytest
import torch

from benchmarks.clock_curve.peers.few_batches import few_batches
from benchmarks.clock_curve.peers.halp.importance import taylor_importance
from benchmarks.clock_curve.peers.halp.knapsack import best_choice
from benchmarks.clock_curve.peers.halp.staircase import LayerPrices
from benchmarks.clock_curve.peers.streams import channels_of


@pytest.mark.parametrize("seed", range(5))
def test_the_knapsack_finds_what_trying_all_finds(seed):
    print("seed", seed)
    draws = np.random.default_rng(seed)
    values = [np.sort(draws.random(4)) for _ in range(5)]
    costs = [np.append(0, np.sort(draws.integers(1, 30, 3))) for _ in range(5)]
    chosen = best_choice(values, costs, 50)

    def worth(places, of):
        return sum(class_items[place] for class_items, place in zip(of, places, strict=True))

    fitting = [places for places in itertools.product(range(4), repeat=5) if worth(places, costs) <= 50]
    assert worth(chosen, costs) <= 50
    assert worth(chosen, values) == pytest.approx(max(worth(places, values) for places in fitting))


def test_without_capacity_the_first_items_are_chosen():
    assert best_choice([np.array([1.0, 9.0])] * 2, [np.array([0.0, 1.0])] * 2, -1.0) == [0, 0]


def test_of_all_widths_on_a_step_only_the_largest_is_offered(goal_of):
    goal = goal_of(0.5)
    channels = channels_of(goal)
    prices = LayerPrices(channels, goal)
    sizes = prices.sizes({})
    stair = prices.staircase(channels.anatomy.group("layer3.1.conv1"), 64, sizes)
    assert stair.widths.tolist() == [16, 32, 48, 64]
    assert stair.spent_ms.tolist() == [8, 16, 24, 32]  # four blocks on the other side of each of its two layers
    assert prices.whole_ms(sizes) == goal.latency(goal.network) - goal.times.call_ms


def test_importance_is_that_of_the_normalization(goal_of, network):
    network.layer1[0].bn1.weight.data[3] = network.layer1[0].bn1.bias.data[3] = 0
    goal = goal_of(0.5)
    importance = taylor_importance(channels_of(goal), goal)["layer1.0.conv1"]
    norm, changes = network.layer1[0].bn1, []
    for batch in few_batches(goal):
        loss = goal.task.loss(network(batch.images), batch.labels)
        scale, shift = torch.autograd.grad(loss, [norm.weight, norm.bias])
        changes.append((norm.weight * scale + norm.bias * shift).abs().detach())
    assert importance[3] == 0 and importance.argmin() == 3
    assert torch.allclose(importance.float(), torch.stack(changes).mean(dim=0), rtol=1e-4, atol=1e-6)
