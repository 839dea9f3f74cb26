import math

import pytest
import torch

from edgesynth.evolution.synthesis.environment.calibrated import (
    CalibratedEnvironment,
    survival_probabilities,
    systematic_sample,
)
from edgesynth.evolution.synthesis.environment.faithful import FaithfulEnvironment


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def everything(viability):
    return {name: torch.ones_like(tensor, dtype=torch.bool) for name, tensor in viability.items()}


def test_faithful_survivors_are_the_papers_share():
    """P(0) = 1/e and P(Z) = 1: of the weakest F/e survive, of the strongest F (papers, eq. 2-4)."""
    viability = {
        "weak": torch.full((40_000,), -1.0, dtype=torch.float64),
        "strong": torch.zeros(40_000, dtype=torch.float64),
    }
    drawn = FaithfulEnvironment(0.7).draw(viability, everything(viability), expected=1, generator=generator())
    assert drawn["weak"].double().mean().item() == pytest.approx(0.7 / math.e, abs=0.01)
    assert drawn["strong"].double().mean().item() == pytest.approx(0.7, abs=0.01)


def test_faithful_gaussian_weights_survive_at_the_derived_rate():
    """Z = layer maximum of 400,000 Gaussian weights: mean P is 0.44."""
    weights = torch.randn(400_000, generator=generator()).abs().double()
    viability = {"layer": weights / weights.max() - 1}
    drawn = FaithfulEnvironment(0.999999).draw(viability, everything(viability), expected=0, generator=generator(1))
    assert drawn["layer"].double().mean().item() == pytest.approx(0.44, abs=0.01)


def test_what_is_expected_of_the_papers_rule_is_the_sum_of_its_chances_and_of_a_calibrated_draw_what_it_is_asked_for():
    viability = {"weak": torch.full((5,), -1.0).double(), "strong": torch.tensor([0.0, 3.0, 0.0]).double()}
    alive = {"weak": torch.tensor([1, 1, 0, 1, 1]).bool(), "strong": torch.tensor([1, 1, 0]).bool()}
    expected_alive = FaithfulEnvironment(0.7).expects(viability, alive, expected=3)
    # Of the favored, whose F P is above 1, all survive.
    assert expected_alive == pytest.approx(4 * 0.7 / math.e + 0.7 + 1)
    assert CalibratedEnvironment(0.1).expects(viability, alive, expected=3) == 3


@pytest.mark.parametrize("environment", [FaithfulEnvironment(0.9), CalibratedEnvironment(0.1)])
def test_the_dead_stay_dead(environment):
    viability = {"layer": torch.zeros(1000, dtype=torch.float64)}
    alive = {"layer": torch.rand(1000, generator=generator()) < 0.5}
    drawn = environment.draw(viability, alive, expected=300, generator=generator(1))["layer"]
    assert drawn.any() and not (drawn & ~alive["layer"]).any()


@pytest.mark.parametrize("temperature", [0.02, 0.1, 1.0])
@pytest.mark.parametrize("expected", [1, 137, 999])
def test_calibrated_survivors_number_what_the_budget_asks(temperature, expected):
    viability = {
        "a": -torch.rand(400, generator=generator()).double(),
        "b": -torch.rand(30, 20, generator=generator(1)).double(),
    }
    drawn = CalibratedEnvironment(temperature).draw(viability, everything(viability), expected, generator(2))
    assert drawn["b"].shape == (30, 20)
    assert sum(int(mask.sum()) for mask in drawn.values()) in (expected - 1, expected, expected + 1)


def test_a_low_temperature_keeps_the_strongest_and_a_high_one_does_not():
    viability = {"layer": torch.linspace(-1, 0, 1000, dtype=torch.float64)}
    cold = CalibratedEnvironment(0.001).draw(viability, everything(viability), 200, generator())["layer"]
    warm = CalibratedEnvironment(10).draw(viability, everything(viability), 200, generator())["layer"]
    assert cold[805:].all() and not cold[:795].any()
    assert 20 < int(warm[800:].sum()) < 70


def test_survival_probabilities_are_in_proportion_until_they_reach_one():
    logits = torch.log(torch.tensor([1.0, 2.0, 3.0, 100.0], dtype=torch.float64) / 100)
    probabilities = survival_probabilities(logits, expected=2.2)
    assert probabilities.sum().item() == pytest.approx(2.2)
    assert probabilities[3] == 1
    assert (probabilities[1:3] / probabilities[0]).tolist() == pytest.approx([2, 3])


def test_what_nothing_depends_on_cannot_survive():
    probabilities = survival_probabilities(torch.tensor([0.0, -torch.inf, -1.0], dtype=torch.float64), expected=3)
    assert probabilities.tolist() == [1, 0, 1]


def test_systematic_sampling_gives_each_its_own_chance_and_scatters_by_less_than_one():
    probabilities = torch.tensor([0.1, 0.5, 0.9, 0.25, 0.75] * 10, dtype=torch.float64)
    source, counts, total = generator(4), [], torch.zeros(50)
    for _ in range(4000):
        taken = systematic_sample(probabilities, source)
        counts.append(int(taken.sum()))
        total += taken
    assert set(counts) <= {25, 26} | {24}
    assert (total / 4000 - probabilities).abs().max() < 0.04


def test_a_layer_keeps_its_strongest_as_far_as_it_needs_them_and_the_budget_still_holds():
    viability = {
        "weak": torch.linspace(-9, -8, 40, dtype=torch.float64),
        "strong": -torch.rand(400, generator=generator()).double(),
    }
    environment = CalibratedEnvironment(0.1)
    without = environment.draw(viability, everything(viability), 100, generator(1))
    drawn = environment.draw(viability, everything(viability), 100, generator(1), {"weak": 15})
    assert not without["weak"].any()
    assert drawn["weak"].tolist() == [False] * 25 + [True] * 15
    assert int(drawn["strong"].sum()) in (84, 85, 86)


def test_needed_survivors_are_chosen_by_chance_among_equals():
    viability = {"layer": torch.zeros(50, dtype=torch.float64)}
    draws = [
        CalibratedEnvironment(0.1).draw(viability, everything(viability), 10, generator(seed), {"layer": 10})["layer"]
        for seed in (1, 2)
    ]
    assert all(int(drawn.sum()) == 10 for drawn in draws) and not torch.equal(*draws)


def test_what_counts_for_more_takes_more_of_the_budget_and_of_each_kind_as_many_survive_as_are_expected():
    draws = generator(3)
    viability = {
        name: -torch.rand(size, dtype=torch.float64, generator=draws) for name, size in (("1", 400), ("7", 60))
    }
    counts = {name: torch.full((len(log),), float(name), dtype=torch.float64) for name, log in viability.items()}
    environment, alive, each = CalibratedEnvironment(0.3), everything(viability), torch.cat(list(counts.values()))
    probabilities = survival_probabilities(torch.cat(list(viability.values())) / 0.3, 300, each)
    assert (probabilities * each).sum().item() == pytest.approx(300)
    drawn = environment.draw(viability, alive, 300, generator(1), counts=counts)
    for name, part in zip(viability, probabilities.split([400, 60]), strict=True):
        assert abs(drawn[name].sum().item() - part.sum().item()) < 1
    assert environment.expects(viability, alive, 1000, counts) == 400 + 7 * 60
    assert FaithfulEnvironment(0.5).expects({"7": torch.zeros(60).double()}, alive, 0, counts) == pytest.approx(7 * 30)
