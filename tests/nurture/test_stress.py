import math

import pytest
import torch
from torch import nn

from edgesynth.anatomy import remove, trace
from edgesynth.nurture import DeadSynapses, Recipe, Schedule, Stress, living_groups, nurture
from edgesynth.nurture.callbacks.stress_forms import ClusterStress, EvenDecay, SynapseStress
from edgesynth.nurture.callbacks.survival_probability import cluster_probabilities, synapse_probabilities
from edgesynth.tasks import load_task


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def normed():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 3, 5), nn.BatchNorm2d(3), nn.ReLU(), nn.Conv2d(3, 4, 5), nn.Flatten(1))


def groups(network, kept=None):
    return living_groups(trace(network, (torch.zeros(1, 1, 12, 12),)), kept or {})


def test_chances_of_synapses_are_the_papers_by_hand():
    chances = synapse_probabilities(torch.tensor([[2.0, -4.0], [0.0, 1.0]]))
    expected = [[math.exp(-0.5), 1.0], [math.exp(-1), math.exp(-0.75)]]
    assert torch.allclose(chances, torch.tensor(expected))
    assert torch.allclose(synapse_probabilities(torch.zeros(3)), torch.full((3,), math.exp(-1)))


def test_chances_of_clusters_sum_a_row_without_its_weak_synapses():
    network = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 2))
    network[0].weight.data = torch.tensor([[4.0, -4.0, 0.39], [2.0, 0.5, 0.1], [0.0, 0.0, 0.0]])
    (group,) = living_groups(trace(network, (torch.zeros(1, 3),)), {})
    expected = [1.0, math.exp(2.5 / 8 - 1), math.exp(-1)]
    assert torch.allclose(cluster_probabilities(network, group), torch.tensor(expected))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_only_synapses_that_would_not_survive_are_struck(seed):
    network = nn.Linear(40, 30)
    before = network.weight.detach().clone()
    lost = torch.rand(30, 40, generator=generator(seed)) >= torch.exp(before.abs() / before.abs().max() - 1)
    with torch.no_grad():
        SynapseStress(["weight"], (), generator(seed)).strike(network, 0.5)
    assert torch.equal(network.weight, torch.where(lost, before * 0.5, before))
    assert lost.any() and not lost.flatten()[before.abs().argmax()]


def test_the_weakest_are_struck_with_one_minus_one_over_e_and_the_strongest_never():
    network = nn.Linear(20_000, 2)
    network.weight.data = torch.stack([torch.full((20_000,), 1e-6), torch.ones(20_000)])
    with torch.no_grad():
        SynapseStress(["weight"], (), generator()).strike(network, 0.5)
    assert (network.weight[0] < 1e-6).float().mean().item() == pytest.approx(1 - 1 / math.e, abs=0.015)
    assert (network.weight[1] == 1).all()


def test_a_struck_cluster_is_weakened_in_its_whole_row_and_in_the_scale_after_it_and_nowhere_else():
    network = normed()
    (group,) = groups(network)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    struck = torch.rand(3, generator=generator(5)) >= cluster_probabilities(network, group)
    with torch.no_grad():
        ClusterStress(["0.weight", "3.weight"], (group,), generator(5)).strike(network, 0.5)
    assert struck.any() and not struck.all()
    scale = torch.where(struck, 0.5, 1.0)
    assert torch.equal(network[0].weight, before["0.weight"] * scale[:, None, None, None])
    assert torch.equal(network[1].weight, before["1.weight"] * scale)
    for name in ("0.bias", "1.bias", "1.running_mean", "3.weight", "3.bias"):
        assert torch.equal(network.state_dict()[name], before[name])


def test_groups_of_a_cut_network_are_those_that_a_trace_of_it_finds():
    network = normed()
    kept = {"0": [0, 2]}
    anatomy = trace(network, (torch.zeros(1, 1, 12, 12),))
    small = remove(network, anatomy.plan(kept))
    (group,), (expected,) = living_groups(anatomy, kept), groups(small)
    assert group.size == 2
    by_place = {(member.parameter, member.dim): member.units.tolist() for member in group.members}
    assert by_place == {(member.parameter, member.dim): member.units.tolist() for member in expected.members}


def test_the_control_shrinks_all_alike_and_as_much_as_stress_on_synapses_does_in_expectation():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(30, 20), nn.Linear(20, 10))
    network[0].weight.data[:5] = 0  # dead synapses do not count
    names = ["0.weight", "1.weight"]
    before = {name: network.get_parameter(name).detach().clone() for name in names}
    with torch.no_grad():
        EvenDecay(names, (), generator()).strike(network, 0.8)
    logs = [(network.get_parameter(name) / before[name])[before[name] != 0].log() for name in names]
    even = torch.cat([log.flatten() for log in logs])
    assert even.max() - even.min() < 1e-5

    expected = sum(
        (math.log(0.8) * (1 - synapse_probabilities(weight)))[weight != 0].double().sum().item()
        for weight in before.values()
    )
    assert even.double().sum().item() == pytest.approx(expected, rel=1e-4)


def test_the_factor_falls_over_seventy_percent_holds_and_leaves_the_tail_alone():
    schedule = Schedule(factor=0.8, tail=0.2, per_epoch=10)
    factors = [schedule.strike(step, 2, 50) for step in range(100)]
    struck = [step + 1 for step, factor in enumerate(factors) if factor < 1]
    assert struck == list(range(5, 81, 5))
    assert factors[34] == pytest.approx(0.9) and factors[69] == pytest.approx(0.8)
    assert factors[74] == factors[79] == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("epochs", "steps_per_epoch", "struck"),
    [(1, 10, [4, 8]), (2, 430, [144, 288, 432, 576, 720]), (1, 3, [3]), (3, 1, [3]), (1, 1, [1])],
)
def test_strikes_are_at_most_three_an_epoch_at_least_four_steps_apart_and_one_at_least(epochs, steps_per_epoch, struck):
    steps = range(epochs * steps_per_epoch)
    strikes = [step + 1 for step in steps if Schedule(tail=0.15).strike(step, epochs, steps_per_epoch) < 1]
    assert strikes == struck


def test_a_tail_that_is_all_of_a_training_leaves_no_stress():
    assert {Schedule(tail=0.95).strike(step, 1, 5) for step in range(5)} == {1.0}


def test_a_tail_of_more_than_thirty_percent_begins_where_the_factor_has_fallen():
    schedule = Schedule(factor=0.6, tail=0.5, per_epoch=10)
    factors = [schedule.strike(step, 1, 100) for step in range(100)]
    assert factors[49] == pytest.approx(0.6) and set(factors[50:]) == {1.0}


@pytest.fixture(scope="module")
def task():
    return load_task("digits")


def trained(task, stress=None, masks=None, epochs=1):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 4, 5, stride=3), nn.ReLU(), nn.Dropout(0.1), nn.Flatten(), nn.Linear(256, 10))
    source, callbacks = generator(3), []
    if stress:
        anatomy = trace(network, (torch.zeros(1, 1, 28, 28),))
        draws = generator(4)
        callbacks = [Stress(stress, Schedule(), anatomy.weights(), living_groups(anatomy, {}), draws)]
    nurture(network, task, Recipe(epochs), source, synapses=masks, callbacks=callbacks)
    return network, source.get_state(), callbacks


@pytest.mark.parametrize("stress", ["synapses", "clusters", "both", "decay"])
def test_one_epoch_is_stressed_the_dead_stay_dead_and_the_other_draws_are_as_without(task, stress):
    masks = {"4.weight": torch.rand(10, 256, generator=generator(1)) < 0.3}
    plain, state, _ = trained(task, masks=masks)
    stressed, same_state, (callback,) = trained(task, stress, masks)
    again, _, _ = trained(task, stress, masks)
    assert callback.facts() == {"strikes": callback.struck} and callback.struck >= 1
    assert not torch.equal(plain[0].weight, stressed[0].weight)
    assert torch.equal(stressed[0].weight, again[0].weight)
    assert (stressed[4].weight[~masks["4.weight"]] == 0).all()
    assert torch.equal(state, same_state)


def test_stress_moves_the_weight_of_a_layer_to_its_strong_synapses(task):
    """Of the sum of |w|, the strongest tenth holds a larger share, and more than under the control."""

    def share(network):
        weight = network[4].weight.detach().abs().flatten().sort(descending=True).values
        return (weight[:256].sum() / weight.sum()).item()

    plain, control, stressed = (share(trained(task, kind, epochs=6)[0]) for kind in (None, "decay", "synapses"))
    assert stressed > plain + 0.01
    assert stressed > control


def test_dead_synapses_are_cleared_before_stress_looks_at_them():
    """A mask that the first step has not yet touched must not raise Z, nor a sum."""
    network = nn.Linear(2, 1, bias=False)
    network.weight.data = torch.tensor([[100.0, 1.0]])
    DeadSynapses({"weight": torch.tensor([[False, True]])}).begin(network)
    assert synapse_probabilities(network.weight).tolist() == [[pytest.approx(math.exp(-1)), 1.0]]
