"""Budgets as objects: each knows its option, its amount, its price and its text."""

import ast
from functools import cache
from pathlib import Path

import pytest
import torch

import edgesynth
from edgesynth.anatomy import trace
from edgesynth.ancestors import build_ancestor
from edgesynth.config import Config
from edgesynth.evolution.budgets import BUDGETS, COUNTED, ENERGY, LATENCY, MACS, Budgets, limits
from edgesynth.evolution.budgets.machine import Machine
from edgesynth.lineage import Figures, Genome, Individual, Record

EVERY = {
    "max_synapses": 10_000,
    "max_clusters": 60,
    "max_macs": 50_000,
    "max_params": 9000,
    "max_bytes": 40_000,
    "max_latency_ms": 1.5,
    "min_images_per_joule": 40.0,
}


@cache
def lenet():
    return trace(build_ancestor("lenet5").eval(), (torch.zeros(1, 1, 28, 28),))


def test_every_option_that_is_described_as_a_budget_has_one_and_no_other_has():
    described = [name for name, field in Config.model_fields.items() if (field.description or "").startswith("budget:")]
    assert [budget.option for budget in BUDGETS.values()] == [f"--{name.replace('_', '-')}" for name in described]


def test_the_limits_of_a_run_are_those_that_it_sets_and_images_per_joule_become_millijoules():
    assert limits(Config()) == {}
    assert limits(Config(**EVERY)) == {
        "synapses": 10_000,
        "clusters": 60,
        "macs": 50_000,
        "params": 9000,
        "sparse_bytes": 40_000,
        "latency_ms": 1.5,
        "energy_mj": 25.0,
    }


def test_a_limit_is_written_as_its_option_takes_it_and_an_amount_with_its_unit():
    config = Config(**EVERY)
    given = [f"{BUDGETS[name].option} {BUDGETS[name].as_given(most)}" for name, most in limits(config).items()]
    assert given[2:] == [
        "--max-macs 50,000",
        "--max-params 9,000",
        "--max-bytes 40,000",
        "--max-latency-ms 1.5",
        "--min-images-per-joule 40",
    ]
    assert MACS.format(2_293_000) == "2,293,000 macs"
    assert LATENCY.format(1.4172) == "1.42 ms" and ENERGY.format(25.0) == "40 images/J"
    assert MACS.used(40_000, 50_000, measured=False) == "40,000 macs of 50,000"
    assert ENERGY.used(20.0, 25.0, measured=True) == "measured at least 50 images/J of 40 images/J"
    assert LATENCY.used(float("inf"), 1.0, measured=True) == "latency_ms not measured"
    assert (LATENCY.milder, ENERGY.milder) == ("more", "less")


@pytest.mark.parametrize("budget", COUNTED, ids=lambda budget: budget.name)
def test_what_a_counted_budget_counts_is_the_total_of_that_name(budget):
    census = lenet().census()
    assert budget.amount(census, Machine(Config())) == getattr(census, budget.name) > 0


def test_without_a_board_a_latency_is_infinite_and_no_budget_of_it_is_met():
    census, budgets = lenet().census(), Budgets(Config(max_latency_ms=1e9, max_macs=10**9), lenet())
    assert budgets.amount(census, "latency_ms") == float("inf")
    assert budgets.unmet(census) == {"latency_ms": 1e9} and not budgets.within(census)


def test_offspring_aim_three_percent_below_what_was_measured_of_their_parent():
    """The parent's worse end over its own prediction corrects theirs: the whole network has what its parent had."""
    anatomy = lenet()
    config = Config(board="tx2", measure_on="local", max_latency_ms=2.0, min_images_per_joule=10.0, max_macs=1000)
    genome, figures = Genome.unpruned(anatomy), Figures("ab", "local", "fp32", 3.0, (2.9, 3.1), 50.0, (40.0, 60.0))
    census = genome.census(anatomy)
    record = Record(0, 0, (), 90.0, True, census, {}, {})
    seen = Budgets(config, anatomy).seen_from(Individual(record, genome, {}, figures=figures))
    assert seen.limits == {"macs": 1000, "latency_ms": pytest.approx(1.94), "energy_mj": pytest.approx(97.0)}
    assert seen.amount(census, "latency_ms") == pytest.approx(3.1)
    assert seen.amount(census, "energy_mj") == pytest.approx(25.0)
    half = anatomy.census({group.name: range(group.size // 2) for group in anatomy.removable})
    shares = [Machine(config, anatomy).predict(cut).latency_ms for cut in (half, census)]
    assert seen.amount(half, "latency_ms") == pytest.approx(3.1 * shares[0] / shares[1])


def test_no_file_outside_the_folder_of_budgets_compares_with_the_name_of_a_budget():
    package, offenders = Path(edgesynth.__file__).parent / "evolution", []
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())) if path.parent.name != "budgets" else ():
            if isinstance(node, ast.Compare) and any(isinstance(op, (ast.Eq, ast.NotEq)) for op in node.ops):
                sides = [side.value for side in (node.left, *node.comparators) if isinstance(side, ast.Constant)]
                offenders += [f"{path.name}:{node.lineno}" for side in sides if side in BUDGETS]
    assert not offenders
