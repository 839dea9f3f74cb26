from functools import partial

import pytest

from edgesynth.export.int8.accuracy_guard import guard_accuracy

COST = {"a": 0.1, "b": 2.0, "c": 0.3, "d": 0.0}  # points that each layer loses in INT8
LAYERS = list(COST)
REFERENCE = 99.0


class Judge:
    """Losses that add up; remembers what was written last."""

    def __init__(self):
        self.written = ()

    def __call__(self, floating):
        self.written = floating
        return REFERENCE - sum(cost for layer, cost in COST.items() if layer not in floating)


def test_within_the_limit_nothing_is_tried():
    judge = Judge()
    found = guard_accuracy(judge, judge, LAYERS, {}, REFERENCE, judge(()), 3.0)
    assert (found.floating, found.sensitivity) == ((), {})
    assert found.loss == pytest.approx(2.4)


@pytest.mark.parametrize(("limit", "floating"), [(0.5, ("b",)), (0.1, ("b", "c")), (0.0, ("b", "c", "a"))])
def test_the_most_sensitive_layers_go_first_and_no_more_than_needed(limit, floating):
    judge = Judge()
    found = guard_accuracy(judge, judge, LAYERS, {}, REFERENCE, judge(()), limit)
    assert found.floating == floating == judge.written
    assert list(found.sensitivity) == ["b", "c", "a", "d"]
    assert list(found.sensitivity.values()) == pytest.approx([2.0, 0.3, 0.1, 0.0])
    assert found.loss <= limit + 1e-9


def test_one_layer_stays_in_int8_whatever_it_costs():
    written = []
    found = guard_accuracy(
        lambda floating: written.append(floating) or 50.0, lambda _: 50.0, LAYERS, {}, REFERENCE, 50.0, 0.5
    )
    assert len(found.floating) == len(LAYERS) - 1
    assert found.loss == pytest.approx(49.0)
    assert written[-1] == found.floating


def test_a_single_layer_is_left_to_the_ledger():
    assert guard_accuracy(lambda _: 0.0, lambda _: 0.0, ["a"], {}, REFERENCE, 50.0, 0.5).floating == ()


EXTRA_METRICS = {"s1": 3.0, "s2": 1.0, "t": 0.05}  # of nodes without weights
KINDS = {"Softmax": ("s1", "s2"), "Add": ("t",)}


def test_nodes_without_weights_are_switched_together_by_their_kind():
    costs = {**COST, **EXTRA_METRICS}
    judged, probed = [], []

    def told(seen, floating):
        seen.append(floating)
        return REFERENCE - sum(cost for node, cost in costs.items() if node not in floating)

    judge, probe = partial(told, judged), partial(told, probed)
    found = guard_accuracy(judge, probe, LAYERS, KINDS, REFERENCE, judge(()), 0.5)
    assert list(found.sensitivity) == ["every Softmax", "b", "c", "a", "every Add", "d"]
    assert found.sensitivity["every Softmax"] == pytest.approx(4.0)
    assert found.floating == ("s1", "s2", "b") == judged[-1] == probed[-1]
    assert found.loss == pytest.approx(0.45)
    assert (len(judged), len(probed)) == (1 + 1, 6 + 2)


def test_of_a_single_layer_the_nodes_beside_it_are_tried():
    found = guard_accuracy(lambda _: 50.0, lambda _: 50.0, ["a"], {"Mul": ("m", "n")}, REFERENCE, 50.0, 0.5)
    assert found.floating == ("m", "n")


def test_what_a_probe_hopes_for_is_judged_before_it_is_believed():
    """Here a probe tells of one layer less than is lost."""
    judge = Judge()
    found = guard_accuracy(judge, lambda floating: judge(floating) + 0.3, LAYERS, {}, REFERENCE, judge(()), 0.1)
    assert found.floating == ("b", "c") == judge.written
    assert found.loss == pytest.approx(0.1)
