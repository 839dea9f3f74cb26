from types import SimpleNamespace

import pytest

from edgesynth.errors import UserError
from edgesynth.evolution.generative.netscore import Requirements, net_score, netscore_of


@pytest.mark.parametrize(
    ("network", "score"),
    [
        ((70.6, 4.2, 0.569), 70.2),  # MobileNet-V1
        ((71.5, 138, 15.5), 40.9),  # VGG-16
        ((57.2, 61, 0.72), 53.9),  # AlexNet
        ((75.2, 25.6, 3.9), 55.1),  # ResNet-50
        ((57.5, 1.24, 0.35), 74.0),  # SqueezeNet 1.1
    ],
)
def test_net_score_of_known_networks_in_percent_millions_and_billions(network, score):
    assert net_score(*network) == pytest.approx(score, abs=0.06)


def test_macs_in_millions_would_shift_the_score_by_thirty_decibels():
    assert net_score(70.6, 4.2, 569) == pytest.approx(net_score(70.6, 4.2, 0.569) - 30)


def test_half_the_parameters_and_macs_are_paid_back_by_the_root_of_two_in_accuracy():
    assert net_score(90, 2, 1) == pytest.approx(net_score(90 / 2**0.5, 1, 0.5))


def test_performance_takes_parameters_in_millions_and_macs_in_billions_from_the_census():
    assert netscore_of(70.6, SimpleNamespace(params=4_200_000, macs=569_000_000)) == net_score(70.6, 4.2, 0.569)


def test_a_network_that_guesses_nothing_right_has_a_score_that_is_finite():
    assert net_score(0, 1, 1) == net_score(0.01, 1, 1) == pytest.approx(-80)


def test_a_network_without_macs_is_refused():
    with pytest.raises(UserError, match="MACs above 0, and was given 1 M and 0 G"):
        net_score(90, 1, 0)


def test_a_violation_adds_up_the_shares_that_are_missed():
    required = Requirements(80.0, {"macs": 100.0, "params": 10.0})
    assert required.violation(80, SimpleNamespace(macs=100, params=10)) == 0
    assert required.violation(60, SimpleNamespace(macs=150, params=5)) == pytest.approx(0.25 + 0.5)


def test_what_is_predicted_is_a_requirement_like_what_is_counted():
    required = Requirements(80.0, {"latency_ms": 2.0}, lambda census, name: census.macs / 100)
    assert required.violation(80, SimpleNamespace(macs=200)) == 0
    assert required.violation(80, SimpleNamespace(macs=300)) == pytest.approx(0.5)


def test_no_score_lifts_a_network_that_misses_a_requirement_above_one_that_meets_all():
    required = Requirements(90.0, {})
    large, tiny = (SimpleNamespace(params=size, macs=size) for size in (10**9, 100))
    assert netscore_of(89.9, tiny) > netscore_of(90, large)
    assert required.rank(90, large) > required.rank(89.9, tiny) > required.rank(89.8, tiny)
    assert required.rank(91, tiny) > required.rank(91, large)
