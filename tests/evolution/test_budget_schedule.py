"""The way to the budgets: steps of one size that end there."""

import pytest

from edgesynth.evolution.budgets import budget_schedule


@pytest.mark.parametrize(
    ("start", "keep", "steps"),
    [(800.0, 0.5, 3), (810.0, 0.5, 4), (195.0, 0.65, 2), (101.0, 0.5, 1), (100.0, 0.5, 1)],
)
def test_equal_steps_end_at_the_goal_and_none_keeps_less_than_asked_for(start, keep, steps):
    amounts, goal, sizes = {"macs": start}, {"macs": 100.0}, []
    while amounts["macs"] > goal["macs"] or not sizes:
        before = amounts["macs"]
        amounts = budget_schedule.stage(
            amounts, goal, budget_schedule.evened(budget_schedule.step(amounts, goal, keep))
        )
        sizes.append(amounts["macs"] / before)
    assert len(sizes) == steps
    assert min(sizes) >= keep * 0.999
    assert max(sizes) == pytest.approx(min(sizes))
    assert amounts == goal
