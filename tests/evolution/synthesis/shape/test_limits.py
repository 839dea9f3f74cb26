"""Limits of the tables by which a drawn shape lands on its goals."""

import math

import pytest

from edgesynth.evolution.synthesis.shape.solver.shape import Shape
from edgesynth.evolution.synthesis.shape.to_budget import MARGIN, limits_to_meet

GOALS = {"latency_ms": 0.62, "macs": 1000.0}


def shape(**amounts):
    return Shape(widths={}, lives={}, worth=1.0, amounts=amounts, bound=1.0)


@pytest.mark.parametrize("taken", [0.55, 0.62, 0.7])
def test_a_shape_that_took_other_than_the_tables_say_gets_a_limit_by_which_it_meets_the_goal(taken):
    by_tables = 0.62
    limits = limits_to_meet(GOALS, {"latency_ms": taken, "macs": 900.0}, shape(latency_ms=by_tables, macs=900.0))
    assert limits["latency_ms"] * taken / by_tables == pytest.approx(MARGIN * GOALS["latency_ms"])
    assert limits["macs"] == pytest.approx(MARGIN * GOALS["macs"])


def test_what_no_table_counts_or_what_is_not_known_keeps_its_goal():
    limits = limits_to_meet(GOALS, {"latency_ms": math.inf, "macs": 900.0}, shape(latency_ms=0.5))
    assert limits == pytest.approx({name: MARGIN * goal for name, goal in GOALS.items()})
