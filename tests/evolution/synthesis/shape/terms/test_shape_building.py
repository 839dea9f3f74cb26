import math
import random

import numpy as np
import pytest
import torch
from torch import nn

from edgesynth.anatomy import trace
from edgesynth.ancestors import build_ancestor
from edgesynth.errors import UserError
from edgesynth.evolution.synthesis.shape import LayerCosts, UnreachableError, build_problem, solve
from edgesynth.evolution.synthesis.shape.solver.shape import read_shape
from edgesynth.evolution.synthesis.shape.solver.tables import Tables
from edgesynth.evolution.synthesis.shape.terms.candidates import candidate_widths, unit_worths
from tests.evolution.synthesis.shape.strongest import kept_of
from tests.topology.networks import NETWORKS, build

COUNTS = ("macs", "params", "clusters")
UNLIMITED = dict.fromkeys(COUNTS, math.inf)
ZOO = {
    "lenet5": (1, 1, 28, 28),
    "resnet20": (1, 3, 32, 32),
    "mobilenet-v2-cifar": (1, 3, 32, 32),
    "squeezenet-cifar": (1, 3, 32, 32),
}


class Residual(nn.Module):
    """A convolution, and what is computed of it by others is added."""

    def __init__(self, width, inner):
        super().__init__()
        self.first = nn.Conv2d(width, width + 2, 3, padding=1)
        self.inner = inner
        self.last = nn.Conv2d(width + 2, width, 1)

    def forward(self, stream):
        return stream + self.last(self.inner(torch.relu(self.first(stream))))


def nested():
    """A residual branch within a residual branch."""
    return nn.Sequential(nn.Conv2d(3, 6, 3), Residual(6, Residual(8, nn.ReLU())), nn.Conv2d(6, 4, 1))


@pytest.fixture(scope="module")
def anatomies():
    torch.manual_seed(0)
    found = {name: trace(build_ancestor(name), torch.zeros(shape)) for name, shape in ZOO.items()}
    return {**found, "nested": trace(nested(), torch.zeros(1, 3, 8, 8))}


def viabilities(anatomy, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {
        group.name: torch.randn(group.size, generator=generator, dtype=torch.float64) for group in anatomy.removable
    }


def random_shapes(problem, count, seed=0):
    """Shapes at random, every second with dead branches."""
    rng, tables = random.Random(seed), Tables.of(problem)
    for number in range(count):
        places = {name: rng.randrange(len(group.widths)) for name, group in problem.groups.items()}
        dying = [name for name in problem.branches if number % 2 and rng.random() < 0.4]
        yield read_shape(tables, places, frozenset().union(*map(tables.dying_with, dying)), 0)


def assert_counts_are_the_census(anatomy, kept=None, count=12):
    kept, viability = kept or {}, viabilities(anatomy)
    problem = build_problem(anatomy, kept, viability, UNLIMITED, round_to=1)
    for shape in random_shapes(problem, count):
        census = anatomy.census(kept_of(shape, anatomy, kept, viability))
        for name in COUNTS:  # the census rounds the products of activations to whole MACs
            assert shape.amounts[name] == pytest.approx(getattr(census, name), abs=0.51, rel=0), (name, shape)


@pytest.mark.parametrize("name", [*ZOO, "nested"])
def test_amounts_of_random_shapes_are_those_of_the_census(anatomies, name):
    assert_counts_are_the_census(anatomies[name])


@pytest.mark.parametrize("name", NETWORKS)
def test_amounts_of_every_topology_are_those_of_the_census(name):
    network, inputs = build(name)
    assert_counts_are_the_census(trace(network, inputs), count=6)


def test_amounts_of_a_parent_that_was_narrowed_and_lost_a_branch_are_those_of_the_census(anatomies):
    anatomy = anatomies["resnet20"]
    kept = {group.name: range(1, group.size, 2) for group in anatomy.removable}
    assert_counts_are_the_census(anatomy, {**kept, "layer1.1/branch": [], "layer3.2/branch": []})


def test_a_branch_within_another_is_known_to_be(anatomies):
    problem = build_problem(anatomies["nested"], {}, viabilities(anatomies["nested"]), UNLIMITED)
    within = sorted(branch.within for branch in problem.branches.values())
    assert [len(outer) for outer in within] == [0, 1]
    assert within[1][0] in problem.branches


def test_a_solved_shape_meets_its_budgets_by_the_census_and_uses_them(anatomies):
    for name in ("lenet5", "resnet20", "mobilenet-v2-cifar"):
        anatomy = anatomies[name]
        viability, whole = viabilities(anatomy), anatomy.census()
        limits = {"macs": 0.4 * whole.macs, "params": 0.5 * whole.params, "clusters": 0.7 * whole.clusters}
        shape = solve(build_problem(anatomy, {}, viability, limits, round_to=1))
        census = anatomy.census(kept_of(shape, anatomy, {}, viability))
        used = {budget: getattr(census, budget) / most for budget, most in limits.items()}
        assert all(share <= 1 for share in used.values())
        assert max(used.values()) > 0.9
        assert shape.worth >= 0.995 * shape.bound


def test_the_strongest_units_are_kept_and_dead_branches_keep_none(anatomies):
    anatomy = anatomies["resnet20"]
    viability = viabilities(anatomy)
    limits = {"macs": 0.06 * anatomy.census().macs}
    shape = solve(build_problem(anatomy, {}, viability, limits))
    kept = kept_of(shape, anatomy, {}, viability)
    dead = [name for name, alive in shape.lives.items() if not alive]
    assert dead and all(kept[name] == [] for name in dead)
    for name, width in shape.widths.items():
        if width:
            assert kept[name] == sorted(viability[name].topk(width).indices.tolist())


def test_worth_is_the_exponential_of_the_viability_and_one_for_the_strongest_that_lives():
    viability = {"a": torch.tensor([3.0, 0.0, -1.0]), "b": torch.tensor([-2.0, 5.0])}
    worths = unit_worths(viability, {"a": [1, 2], "b": [0]})
    assert worths["a"][1:].tolist() == pytest.approx([1, math.exp(-1)])
    assert worths["b"][0] == pytest.approx(math.exp(-2))


def test_a_group_is_worth_the_sum_of_its_strongest_units(anatomies):
    anatomy = anatomies["lenet5"]
    viability = viabilities(anatomy)
    group = build_problem(anatomy, {}, viability, UNLIMITED).groups["conv1"]
    strongest = max(float(each.max()) for each in viability.values())
    worths = (viability["conv1"] - strongest).exp().sort(descending=True).values.cumsum(0)
    assert group.widths.tolist() == [1, 8, 16, 20]
    assert group.worth.tolist() == pytest.approx(worths[[0, 7, 15, 19]].tolist())


def test_branches_and_units_are_worth_the_exponentials_of_their_viabilities_on_one_scale(anatomies):
    viability = {name: torch.full_like(own, -3.0) for name, own in viabilities(anatomies["resnet20"]).items()}
    viability |= {"layer1.0/branch": torch.tensor([2.0]), "layer1.1/branch": torch.tensor([1.0])}
    problem = build_problem(anatomies["resnet20"], {}, viability, UNLIMITED)
    assert problem.branches["layer1.0/branch"].worth == 1
    assert problem.branches["layer1.1/branch"].worth == pytest.approx(math.exp(-1))
    assert problem.branches["layer1.2/branch"].worth == 0
    assert problem.groups["conv1"].worth[0] == pytest.approx(math.exp(-5))


def test_a_least_share_of_its_width_is_left_of_every_group(anatomies):
    problem = build_problem(anatomies["resnet20"], {}, viabilities(anatomies["resnet20"]), UNLIMITED, least_share=0.4)
    assert {group.widths[-1].item(): group.widths[0].item() for group in problem.groups.values()} == {
        16: 8,
        32: 16,
        64: 32,
    }


def test_no_branch_dies_where_none_may(anatomies):
    anatomy = anatomies["resnet20"]
    assert not build_problem(anatomy, {}, viabilities(anatomy), UNLIMITED, branches=False).branches
    with pytest.raises(UnreachableError):
        solve(build_problem(anatomy, {}, viabilities(anatomy), {"macs": 1e4}, branches=False))


@pytest.mark.parametrize(
    ("present", "round_to", "widths"),
    [
        (20, 8, [1, 8, 16, 20]),
        (16, 8, [1, 8, 16]),
        (5, 8, [1, 5]),
        (1, 8, [1]),
        (3, 1, [1, 2, 3]),
    ],
)
def test_candidates_are_multiples_and_the_present_and_the_least_width(present, round_to, widths):
    assert candidate_widths(present, round_to).tolist() == widths


@pytest.mark.parametrize("present", [64, 100, 500, 2048])
@pytest.mark.parametrize("round_to", [1, 8])
def test_candidates_are_few_and_spread_over_all_widths(present, round_to):
    widths = candidate_widths(present, round_to, most=8)
    assert len(widths) == 8
    assert widths[0] == 1 and widths[-1] == present
    assert not (widths[1:-1] % round_to).any()
    assert np.diff(widths).max() <= present / 7 + round_to


def by_tiles(anatomy):
    """Milliseconds that rise in steps of 8 channels, other ones for every layer."""

    def table(layer, inputs, outputs):
        return 0.1 + layer + np.ceil(inputs / 8)[:, None] * np.ceil(outputs / 8)

    def of_census(kept):
        shapes = dict(zip(anatomy.weights(), (layer.shape for layer in anatomy.census(kept).layers), strict=True))
        total = 0.0
        for number, layer in enumerate(anatomy.layers):
            shape = shapes[layer.weight]
            if min(shape):
                total += table(number, *(np.array([shape[dim]]) for dim in (1 - layer.written, layer.written))).item()
        return total

    return table, of_census


@pytest.mark.parametrize("name", ["lenet5", "resnet20", "mobilenet-v2-cifar", "nested"])
def test_latency_is_the_sum_of_the_tables_of_what_is_left_of_each_layer(anatomies, name):
    anatomy = anatomies[name]
    table, of_census = by_tiles(anatomy)
    viability = viabilities(anatomy)
    costs = {"latency_ms": LayerCosts(table, constant=0.5)}
    problem = build_problem(anatomy, {}, viability, {"latency_ms": math.inf}, costs)
    for shape in random_shapes(problem, 8):
        kept = kept_of(shape, anatomy, {}, viability)
        assert shape.amounts["latency_ms"] == pytest.approx(0.5 + of_census(kept))


def test_latency_of_a_recurrent_layer_is_that_of_its_width_on_both_sides():
    network, inputs = build("Recurrent")
    anatomy = trace(network, inputs)
    table, of_census = by_tiles(anatomy)
    viability = viabilities(anatomy)
    problem = build_problem(anatomy, {}, viability, {"ms": math.inf}, {"ms": LayerCosts(table)}, round_to=2)
    for shape in random_shapes(problem, 4):
        assert shape.amounts["ms"] == pytest.approx(of_census(kept_of(shape, anatomy, {}, viability)))


def test_behind_a_concatenation_latency_is_exact_where_it_is_a_straight_line(anatomies):
    anatomy = anatomies["squeezenet-cifar"]
    viability = viabilities(anatomy)

    def table(layer, inputs, outputs):
        return inputs[:, None] * np.ceil(outputs / 8)

    limits, costs = {"ms": math.inf}, {"ms": LayerCosts(table)}
    problem = build_problem(anatomy, {}, viability, limits, costs)
    for shape in random_shapes(problem, 4):
        census = anatomy.census(kept_of(shape, anatomy, {}, viability))
        expected = sum(layer.shape[1] * math.ceil(layer.shape[0] / 8) for layer in census.layers)
        assert shape.amounts["ms"] == pytest.approx(expected)


def test_behind_a_concatenation_latency_in_steps_is_exact_at_both_ends(anatomies):
    anatomy = anatomies["squeezenet-cifar"]
    table, of_census = by_tiles(anatomy)
    viability = viabilities(anatomy)
    limits, costs = {"ms": math.inf}, {"ms": LayerCosts(table)}
    problem = build_problem(anatomy, {}, viability, limits, costs, branches=False)
    tables = Tables.of(problem)
    for end in (0, -1):
        places = {name: range(len(group.widths))[end] for name, group in problem.groups.items()}
        shape = read_shape(tables, places, frozenset(), 0)
        assert shape.amounts["ms"] == pytest.approx(of_census(kept_of(shape, anatomy, {}, viability)))


def test_a_budget_without_a_table_is_refused(anatomies):
    with pytest.raises(UserError, match=r"there is no table of latency_ms; .* are macs, params, clusters"):
        build_problem(anatomies["lenet5"], {}, viabilities(anatomies["lenet5"]), {"latency_ms": 1.0})


def test_a_group_without_viability_is_refused(anatomies):
    with pytest.raises(UserError, match="conv1, conv2, fc1 has no viability"):
        build_problem(anatomies["lenet5"], {}, {}, UNLIMITED)
