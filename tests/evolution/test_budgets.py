"""Budgets, allocation and landing on tiny networks that learn real digits."""

import math
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import torch
from torch import nn

from edgesynth.anatomy import trace
from edgesynth.ancestors import build_ancestor
from edgesynth.errors import UserError
from edgesynth.evolution import evolve
from edgesynth.evolution.budgets import Budgets, limits
from edgesynth.evolution.budgets.unit_costs import marginal_costs
from edgesynth.evolution.preflight.feasibility import check_feasible
from edgesynth.evolution.preflight.smallest_network import smallest_genome
from edgesynth.evolution.synthesis.synthesis import Ration, ration
from edgesynth.lineage import Config, resolve
from tests import few_digits
from tests.topology.networks import NETWORKS

NETWORK = """
from torch import nn

def tiny():
    return nn.Sequential(
        nn.Conv2d(1, 12, 5, stride=2, bias=False), nn.BatchNorm2d(12), nn.ReLU(),
        nn.Conv2d(12, 16, 3, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(400, 24), nn.ReLU(), nn.Linear(24, 10))

class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.head = nn.Conv2d(1, 24, 5, stride=2), nn.Linear(24, 10)
        self.into = nn.ModuleList(nn.Conv2d(24, 16, 3, padding=1) for _ in range(3))
        self.out = nn.ModuleList(nn.Conv2d(16, 24, 3, padding=1) for _ in range(3))

    def forward(self, x):
        x = self.stem(x).relu()
        for first, second in zip(self.into, self.out):
            x = (x + second(first(x).relu())).relu()
        return self.head(x.mean((2, 3)))

def fixed():
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 10))

def weightless():
    return nn.Sequential(nn.AdaptiveAvgPool2d((2, 5)), nn.Flatten())

def normalized():
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 9), nn.BatchNorm1d(9), nn.ReLU(), nn.Linear(9, 10))
"""
WHOLE = {"synapses": 300 + 1728 + 9600 + 240, "clusters": 62, "macs": 43200 + 43200 + 9600 + 240}
QUICK = {
    "task": few_digits.NAME,
    "ancestor_epochs": 1,
    "epochs": 0,
    "final_epochs": 0,
    "min_accuracy": 0.0,
    "offspring": 1,
}


@pytest.fixture
def breed(tmp_path, monkeypatch):
    """Evolve a network of the file above, in this process."""
    (tmp_path / "budget_networks.py").write_text(NETWORK)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    sys.modules.pop("budget_networks", None)

    def call(ancestor="budget_networks:tiny", run="run", **given):
        return evolve(Path(run), resolve(None, {"ancestor": ancestor, **QUICK, **given}))

    yield call
    sys.modules.pop("budget_networks", None)


def used(run):
    """{census total: share of its budget that the last individual uses}."""
    census = run.records()[-1].census
    return {name: getattr(census, name) / most for name, most in limits(run.config).items()}


@pytest.mark.parametrize(
    "given",
    [
        {"max_macs": 60_000, "strength": "norm"},
        {"max_macs": 50_000, "strength": "taylor"},
        {"max_macs": 40_000, "strength": "magnitude", "allocation": "macs"},
        {"max_params": 3000, "strength": "lamp"},
        {"max_bytes": 9000},
        {"max_bytes": 9000, "encoding": "synapse"},
        {"max_synapses": 1000},
        {"max_synapses": 4000, "keep_clusters": 0.5},
    ],
    ids=str,
)
def test_one_budget_alone_is_landed_on_and_not_undershot(breed, given):
    run = breed(**given)
    assert run.outcome()["stopped"] == "budget"
    (share,) = used(run).values()
    assert 0.9 <= share <= 1


RESIDUAL = {"ancestor": "budget_networks:Residual", "strength": "magnitude", "keep": 1.0}
RESIDUAL_CLUSTERS = 4 * 24 + 3 * 16 + 10  # the stream of 24 is written by four layers


@pytest.mark.parametrize("share", [0.9, 0.7, 0.5])
def test_clusters_of_several_writers_count_each_in_what_a_generation_keeps(breed, share):
    run = breed(**RESIDUAL, keep_clusters=share, generations=1)
    record = run.records()[-1]
    assert record.synthesis["expected_clusters"] == pytest.approx(share * RESIDUAL_CLUSTERS)
    assert abs(record.census.clusters - share * RESIDUAL_CLUSTERS) <= 4


@pytest.mark.parametrize("most", [100, 60, 35])
def test_a_budget_of_clusters_of_several_writers_is_met_as_nearly_as_they_let_it_be(breed, most):
    run = breed(**RESIDUAL, keep_clusters=0.6, max_clusters=most)
    assert run.outcome()["stopped"] == "budget"
    assert most - 4 <= run.records()[-1].census.clusters <= most


def test_a_landing_keeps_more_than_the_generation_s_share(breed):
    run = breed(max_macs=90_000)
    (share,) = used(run).values()
    assert len(run.records()) == 2 and 0.9 <= share <= 1
    assert run.records()[1].synthesis["expected_clusters"] > 0.5**0.5 * WHOLE["clusters"]


@pytest.mark.parametrize(
    "given",
    [
        {"max_macs": 30_000, "max_params": 4000},
        {"max_macs": 50_000, "max_synapses": 800},
        {"max_macs": 30_000, "max_bytes": 6000, "allocation": "params"},
        {"max_clusters": 40, "max_macs": 30_000},
        {"max_synapses": 500, "max_clusters": 57, "encoding": "synapse"},
    ],
    ids=str,
)
def test_two_budgets_at_once_are_both_met_and_each_shrinks_until_it_is(breed, given):
    run = breed(**given)
    assert run.outcome()["stopped"] == "budget"
    assert max(used(run).values()) <= 1
    for before, after in zip(run.records(), run.records()[1:], strict=False):
        for name, most in limits(run.config).items():
            old, new = getattr(before.census, name), getattr(after.census, name)
            assert new < old or old <= most or given.get("encoding") == "synapse"


def test_allocation_by_budgets_goes_down_geometrically_towards_all_of_them_at_once(breed):
    run = breed(keep=1.0, keep_clusters=0.7, allocation="budgets", max_macs=20_000, max_params=2000)
    assert run.outcome()["stopped"] == "budget" and len(run.records()) > 3
    for before, after in zip(run.records(), run.records()[1:], strict=False):
        goals = after.synthesis["goals"]
        ways = {name: math.log(getattr(before.census, name) / limits(run.config)[name]) for name in goals}
        gone = {name: math.log(getattr(before.census, name) / goal) for name, goal in goals.items()}
        assert max(gone.values()) <= math.log(1 / 0.7) * 1.05  # of clusters, those of the output are not drawn
        assert len({round(gone[name] / ways[name], 9) for name in goals}) == 1
        assert all(getattr(after.census, name) <= goal for name, goal in goals.items())


def test_siblings_in_varied_environments_have_other_shapes_at_the_same_budget(breed):
    given = {"strength": "magnitude", "allocation": "budgets", "keep": 1.0, "keep_clusters": 0.6, "max_macs": 30_000}
    alike, varied = (
        breed(**given, generations=1, offspring=4, variation=variation, run=f"run{variation}").records()[1:]
        for variation in (0.0, 2.0)
    )
    shapes = [{tuple(layer.clusters for layer in record.census.layers) for record in some} for some in (alike, varied)]
    assert len(shapes[0]) < len(shapes[1])
    assert all("favors" not in record.synthesis for record in alike)
    assert len({tuple(record.synthesis["favors"].values()) for record in varied}) == 4
    assert all(record.census.macs <= record.synthesis["goals"]["macs"] for record in (*alike, *varied))


@pytest.mark.parametrize("allocation", ["budgets", "params"])
def test_no_cluster_that_fell_alone_would_still_have_fitted_the_budgets(breed, allocation):
    run = breed(keep=1.0, keep_clusters=0.6, allocation=allocation, max_macs=15_000, max_params=1500, offspring=4)
    assert run.outcome()["stopped"] == "budget"
    anatomy = trace(sys.modules["budget_networks"].tiny().eval(), (torch.zeros(1, 1, 28, 28),))
    filled = [record for record in run.records() if record.synthesis.get("filled_clusters")]
    assert filled
    for record in filled:
        before, after = (run.load(name).genome.kept for name in (record.parents[0], record.name))
        budgets = limits(run.config)
        assert all(getattr(record.census, name) <= most for name, most in budgets.items())
        for group, units in after.items():
            for unit in set(before[group]) - set(units):
                census = anatomy.census({**after, group: sorted([*units, unit])})
                assert any(getattr(census, name) > most for name, most in budgets.items()), (record.name, group, unit)


def test_removal_alone_leaves_every_synapse_between_living_clusters(breed):
    run = breed(keep=1.0, keep_clusters=0.7, allocation="budgets", max_macs=40_000, max_params=5000)
    assert run.outcome()["stopped"] == "budget" and max(used(run).values()) <= 1
    census = run.records()[-1].census
    assert census.synapses == sum(math.prod(layer.shape) for layer in census.layers) < WHOLE["synapses"]


def test_a_step_too_small_to_lose_a_cluster_is_enlarged_until_the_budget_shrinks(breed):
    run = breed(max_clusters=60, strength="magnitude", keep=0.99, keep_clusters=0.999)
    assert [record.census.clusters for record in run.records()] == [62, 61, 60]


def test_a_landed_run_is_bred_again_bit_for_bit(breed, tmp_path):
    given = {"ancestor": "budget_networks:tiny", **QUICK, "max_macs": 60_000}
    first = breed(max_macs=60_000)
    again = evolve(tmp_path / "again", resolve(None, given))
    files = [run.folder("g001-c0") / name for run in (first, again) for name in ("genome.json", "individual.json")]
    assert files[0].read_bytes() == files[2].read_bytes() and files[1].read_bytes() == files[3].read_bytes()


def test_allocation_by_macs_spends_clusters_where_macs_are_and_by_params_where_parameters_are(breed, tmp_path):
    kept = {}
    for allocation in ("macs", "params"):
        config = resolve(None, {
            "ancestor": "budget_networks:tiny", **QUICK, "strength": "random", "allocation": allocation,
            "generations": 1, "keep": 0.9, "keep_clusters": 0.8,
        })  # fmt: skip
        (tmp_path / "budget_networks.py").write_text(NETWORK)
        individual = evolve(tmp_path / allocation, config).load("g001-c0")
        kept[allocation] = {name: len(units) for name, units in individual.genome.kept.items()}
    assert kept["macs"]["0"] < 9 and kept["macs"]["6"] >= 23
    assert kept["params"]["0"] == 12 and kept["params"]["3"] < 16


@cache
def traced(name):
    cls, shapes = NETWORKS[name]
    return trace(cls().eval(), tuple(shape() if callable(shape) else torch.randn(shape) for shape in shapes))


@pytest.mark.parametrize("name", ["Residual", "Depthwise", "Grouped", "NestedConcat", "HandWrittenAttention", "Shared"])
@pytest.mark.parametrize("quantity", ["macs", "params"])
def test_the_cost_of_a_cluster_is_what_the_census_loses_with_it(name, quantity):
    anatomy = traced(name)
    kept = {group.name: list(range(0, group.size, 1 if group.size < 4 else 2)) for group in anatomy.removable}
    costs, whole = marginal_costs(anatomy, kept, quantity), getattr(anatomy.census(kept), quantity)
    for group, units in kept.items():
        for unit in units if len(units) > 1 else ():
            less = anatomy.census({**kept, group: [other for other in units if other != unit]})
            assert costs[group][unit].item() == pytest.approx(whole - getattr(less, quantity), abs=1.01)


@cache
def lenet():
    return trace(build_ancestor("lenet5").eval(), (torch.zeros(1, 1, 28, 28),))


def test_the_smallest_lenet_has_a_cluster_a_layer_ten_classes_and_a_synapse_for_each():
    census = smallest_genome(lenet()).census(lenet())
    assert [layer.clusters for layer in census.layers] == [1, 1, 1, 10]
    assert [layer.synapses for layer in census.layers] == [1, 1, 1, 10]
    assert census.macs == 25 * 576 + 25 * 64 + 16 + 10
    assert census.params == (25 + 1) + (25 + 1) + (16 + 1) + (10 + 10)
    assert census.sparse_bytes == (6 + 8) + (6 + 8) + (6 + 8) + 40 + 4 * 13


def test_a_budget_of_bytes_counts_float32_whatever_the_precision_and_says_so():
    genome = smallest_genome(lenet())
    rounded = replace(genome, precision=dict.fromkeys(genome.synapses, "int4"))
    assert rounded.census(lenet()).sparse_bytes == genome.census(lenet()).sparse_bytes == 134
    assert "float32" in Config.model_fields["max_bytes"].description


def test_one_synapse_feeds_one_cluster_and_is_read_from_another():
    anatomy = trace(nn.Sequential(nn.Linear(4, 3), nn.LayerNorm(3), nn.Linear(3, 2)).eval(), (torch.zeros(1, 4),))
    genome = smallest_genome(anatomy)
    assert genome.kept == {}
    assert [layer.synapses for layer in genome.census(anatomy).layers] == [3, 3]
    assert genome.synapses["0.weight"].any(1).all()
    assert genome.synapses["2.weight"].any(1).all() and genome.synapses["2.weight"].any(0).all()


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_every_living_cluster_of_the_smallest_network_is_fed_and_read(name):
    anatomy = traced(name)
    genome = smallest_genome(anatomy)
    left = genome.synapses.keys() - {*anatomy.plan(genome.kept).stand_ins.gone}
    for group in anatomy.groups:
        for role in ("weight", "read"):
            members = [member for member in group.members if member.role == role and member.parameter in left]
            for unit in genome.kept.get(group.name, range(group.size)) if members else ():
                alive = [
                    genome.synapses[own.parameter].movedim(own.dim, 0)[torch.from_numpy(own.units == unit)].any()
                    for own in members
                ]
                assert any(alive), (group.name, unit, role)


def test_budgets_at_the_smallest_are_allowed_and_one_less_is_refused_with_the_bound():
    smallest = {"max_synapses": 13, "max_clusters": 13, "max_macs": 16_026, "max_params": 89, "max_bytes": 134}
    check_feasible(resolve(None, smallest), lenet())
    for name, most in smallest.items():
        with pytest.raises(UserError) as error:
            check_feasible(resolve(None, {**smallest, name: most - 1}), lenet())
        census_name = {"max_bytes": "sparse_bytes"}.get(name, name.removeprefix("max_"))
        assert f"--{name.replace('_', '-')} is {most - 1:,} and the smallest" in str(error.value)
        assert f"has {most:,} {census_name} (one cluster in each of the 3 groups" in str(error.value)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"max_synapses": 430_500}, "--max-synapses is 430,500, and lenet5 has 430,500 synapses already"),
        (
            {"max_synapses": 10_000_000, "max_clusters": 580},
            "--max-synapses is 10,000,000 and --max-clusters is 580, and lenet5 has 430,500 synapses and 580 clusters",
        ),
    ],
)
def test_budgets_that_the_ancestor_meets_are_refused_and_one_that_it_misses_makes_them_worth_a_run(given, words):
    with pytest.raises(UserError) as error:
        check_feasible(resolve(None, given), lenet())
    assert words in str(error.value) and "set a tighter budget" in str(error.value)
    check_feasible(resolve(None, {**given, "max_synapses": 430_499}), lenet())


class Uneven(nn.Module):
    """The first channel is read three times where positions are many, the second where parameters are."""

    def __init__(self):
        super().__init__()
        self.stem, self.wide, self.out = nn.Conv2d(1, 2, 1), nn.Conv2d(4, 1, 1), nn.Linear(4, 30)

    def forward(self, images):
        x = self.stem(images)
        first, second = x[:, :1], x[:, 1:]
        seen = self.wide(torch.cat([first, first, first, second], 1)).mean((2, 3))
        return self.out(torch.cat([first, second, second, second], 1).mean((2, 3))), seen


def test_budgets_that_no_single_network_meets_exclude_each_other():
    anatomy = trace(Uneven().eval(), (torch.zeros(1, 1, 8, 8),))
    by = {quantity: smallest_genome(anatomy, quantity).census(anatomy) for quantity in ("macs", "params")}
    assert by["macs"].macs < by["params"].macs and by["params"].params < by["macs"].params
    check_feasible(resolve(None, {"max_macs": by["macs"].macs}), anatomy)
    with pytest.raises(UserError, match=r"--max-macs \d+ and --max-params \d+ exclude each other") as error:
        check_feasible(resolve(None, {"max_macs": by["macs"].macs, "max_params": by["params"].params}), anatomy)
    assert "\n" not in str(error.value)


def test_a_network_of_protected_clusters_is_refused_but_for_its_synapses(breed):
    first = r"no cluster .*can be cut: 1 \(output of the network\)"
    with pytest.raises(UserError, match=rf"--encoding is cluster and {first}; use --encoding synapse"):
        breed("budget_networks:fixed")
    with pytest.raises(UserError, match=rf"--max-macs is 100 and the smallest .* has 7,840 macs \({first}\)"):
        breed("budget_networks:fixed", encoding="synapse", max_macs=100)
    assert not Path("run").exists()
    run = breed("budget_networks:fixed", encoding="synapse", max_synapses=3000)
    assert run.records()[-1].census.synapses <= 3000 and run.outcome()["stopped"] == "budget"


def test_generative_synthesis_of_a_network_of_protected_clusters_is_refused_whatever_the_encoding(breed):
    for encoding in ("cluster", "synapse"):
        with pytest.raises(UserError, match=r"--strategy is generative and no cluster .*; use --strategy heredity"):
            breed("budget_networks:fixed", strategy="generative", encoding=encoding)
    assert not Path("run").exists()


@pytest.mark.parametrize("encoding", ["cluster", "synapse"])
def test_a_network_without_a_synapse_is_refused_before_anything_is_written(breed, encoding):
    with pytest.raises(UserError, match="weightless has no convolution or linear layer"):
        breed("budget_networks:weightless", encoding=encoding)
    assert not Path("run").exists()


def test_a_batch_of_one_before_batch_normalization_is_refused_before_anything_is_written(breed):
    with pytest.raises(UserError, match="--batch-size is 1 and train has 256 images"):
        breed("budget_networks:normalized", batch_size=1)
    assert not Path("run").exists()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"allocation": "macs", "encoding": "synapse"}, "--encoding is synapse; use --encoding cluster"),
        (
            {"allocation": "params", "environment": "faithful"},
            "--environment is faithful; use --environment calibrated",
        ),
        ({"normalizer": "percentile"}, "--normalizer is percentile and --strength fisher has no Z"),
        ({"min_accuracy": 90.0, "max_loss": 2.0}, "--min-accuracy is 90 and --max-loss is 2, two floors .* give one"),
    ],
)
def test_options_that_exclude_each_other_are_refused(given, message):
    with pytest.raises(UserError, match=message):
        check_feasible(resolve(None, given), lenet())


def test_the_budgets_of_a_level_let_it_rest_together_and_its_own_is_aimed_at_when_it_is_the_last():
    whole = lenet().census()

    def fed(options):
        return ration(Budgets(resolve(None, options)), whole)

    assert fed({"max_params": 431_080, "max_bytes": 2_000_000}) == Ration(None, None)
    assert fed({"max_params": 431_079}).clusters == pytest.approx(0.5**0.5 * 580)
    aimed = fed({"max_clusters": 500, "max_macs": 2_293_000})
    assert aimed == Ration(500, 0.5 * 430_500)
    assert fed({"max_synapses": 400_000, "max_bytes": 1000}).synapses == 0.5 * 430_500
    synapse = {"encoding": "synapse", "max_synapses": 430_500, "max_clusters": 100}
    assert fed(synapse).synapses == 0.5 * 430_500


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"keep": 1.0}, "no cluster would die either; give --keep-clusters below 1"),
        ({"keep": 1.0, "keep_clusters": 0.5, "encoding": "synapse"}, "no cluster would die either"),
        ({"keep": 1.0, "keep_clusters": 0.5, "max_synapses": 5000}, "is met by single ones"),
        ({"allocation": "budgets"}, "--allocation is budgets and there is none"),
    ],
)
def test_options_by_which_nothing_would_shrink_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        check_feasible(resolve(None, options), trace(build_ancestor("lenet5"), torch.zeros(1, 1, 28, 28)))
