import pytest
import torch

from edgesynth.anatomy import trace
from edgesynth.ancestors import build_ancestor
from edgesynth.errors import UserError
from edgesynth.evolution.budgets.machine import Machine
from edgesynth.evolution.generative.descent import Descent, adapted
from edgesynth.evolution.generative.generator import Generator
from edgesynth.evolution.generative.search import Probe, cross_entropy, inquired, ranks, reinforce
from edgesynth.evolution.synthesis.masks import living
from edgesynth.lineage import Genome, generator, resolve


@pytest.fixture(scope="module")
def anatomy():
    torch.manual_seed(0)
    return trace(build_ancestor("lenet5"), (torch.zeros(1, 1, 28, 28),))


@pytest.fixture(scope="module")
def descent(anatomy):
    return Descent.of(resolve(None, {"max_macs": 100_000}), anatomy)


def zeros(anatomy):
    return {group.name: torch.zeros(group.size, dtype=torch.float64) for group in anatomy.removable}


def make(anatomy, descent, seed, bounds=(0.3, 0.7), logits=None, parent=None):
    made = Generator(anatomy, logits or zeros(anatomy))
    return made(parent or Genome.unpruned(anatomy), descent, bounds, generator(seed, 1, 0, "generate"))


def test_a_seed_makes_one_network_and_different_seeds_make_different_ones(anatomy, descent):
    assert make(anatomy, descent, 3).genome.kept == make(anatomy, descent, 3).genome.kept
    kept = [make(anatomy, descent, seed) for seed in range(20)]
    assert len({str(network.genome.kept) for network in kept}) == 20
    pressures = [network.pressure for network in kept]
    assert min(pressures) < 0.4 and max(pressures) > 0.6 and all(0.3 <= pressure <= 0.7 for pressure in pressures)


@pytest.mark.parametrize("seed", range(5))
def test_the_target_is_met_within_the_cost_of_one_unit(anatomy, descent, seed):
    made = make(anatomy, descent, seed)
    kept, target = made.genome.kept, descent.at(made.pressure)["macs"]
    macs = made.genome.census(anatomy).macs
    one_more = max(
        Genome({**kept, group.name: [*kept[group.name], unit]}).census(anatomy).macs
        for group in anatomy.removable
        for unit in sorted(set(range(group.size)) - set(kept[group.name]))[:1]
    )
    assert macs <= target < one_more


def test_every_group_keeps_a_unit_however_high_the_pressure(anatomy):
    least = anatomy.census({group.name: [0] for group in anatomy.removable}).macs
    hard = Descent.of(resolve(None, {"max_macs": least}), anatomy)
    made = make(anatomy, hard, 0, (1.0, 1.0))
    assert {name: len(kept) for name, kept in made.genome.kept.items()} == {"conv1": 1, "conv2": 1, "fc1": 1}


def test_at_no_pressure_everything_that_lives_in_the_parent_lives_on_and_the_dead_stay_dead(anatomy, descent):
    parent = Genome({"conv1": [1, 4], "conv2": [0, 7, 9], "fc1": [*range(30)]})
    assert make(anatomy, descent, 0, (0.0, 0.0), parent=parent).genome.kept == parent.kept
    wide = Genome({"conv1": [*range(5, 15)], "conv2": [*range(0, 50, 2)], "fc1": [*range(30)]})
    thinned, alive = make(anatomy, descent, 0, (1.0, 1.0), parent=wide), living(anatomy, wide)
    assert thinned.genome.census(anatomy).macs <= 100_000 < wide.census(anatomy).macs
    assert all(set(kept) <= set(wide.kept[name]) for name, kept in thinned.genome.kept.items())
    assert all((chances[~alive[name]] == 0).all() for name, chances in thinned.survival.items())


@pytest.fixture(scope="module")
def thinned(anatomy):
    """A parent all of whose clusters live and half of whose synapses in fc1 do not."""
    source = torch.Generator().manual_seed(1)
    alive = torch.rand(anatomy.shapes["fc1.weight"], generator=source) < 0.5
    return Genome(Genome.unpruned(anatomy).kept, {"fc1.weight": alive})


@pytest.mark.parametrize("budget", ["max_synapses", "max_bytes"])
def test_synapses_that_are_dead_in_the_parent_stay_dead_and_are_not_asked_for_again(anatomy, thinned, budget):
    goal = Descent.of(resolve(None, {budget: 20_000}), anatomy)
    here = goal.traveled(thinned.census(anatomy)) - 1e-9
    assert here > 0.05
    made = make(anatomy, goal, 0, (here, here), parent=thinned)
    assert made.genome.kept == thinned.kept
    assert torch.equal(made.genome.synapses["fc1.weight"], thinned.synapses["fc1.weight"])


def test_synapses_die_with_their_clusters_and_no_others_do(anatomy, descent, thinned):
    made = make(anatomy, descent, 0, parent=thinned)
    rows, columns = made.alive["fc1"], made.alive["conv2"].repeat_interleave(16)
    assert 0 < rows.sum() < 500 and 0 < columns.sum() < 800
    assert torch.equal(
        made.genome.synapses["fc1.weight"], thinned.synapses["fc1.weight"] & rows[:, None] & columns[None]
    )


def test_a_cluster_that_lost_its_last_synapse_is_not_passed_on_be_its_logit_the_highest(anatomy, descent):
    synapses = {name: torch.ones(anatomy.shapes[name], dtype=torch.bool) for name in ("fc1.weight", "fc2.weight")}
    synapses["fc1.weight"][3] = False  # nothing feeds it
    synapses["fc2.weight"][:, 7] = False  # nothing reads it
    logits = zeros(anatomy)
    logits["fc1"][[3, 7]] = 50.0
    parent = Genome(Genome.unpruned(anatomy).kept, synapses)
    for bounds in ((0.0, 0.0), (1.0, 1.0)):
        made = make(anatomy, descent, 0, bounds, logits, parent)
        assert not made.alive["fc1"][[3, 7]].any() and not {3, 7} & set(made.genome.kept["fc1"])
        assert (made.survival["fc1"][[3, 7]] == 0).all()
    assert made.genome.census(anatomy).macs <= 100_000


def test_a_cluster_dies_with_all_that_feeds_it(anatomy, descent):
    """Unit 0 of fc1 lives by unit 0 of conv2 alone."""
    synapses = {"fc1.weight": torch.ones(anatomy.shapes["fc1.weight"], dtype=torch.bool)}
    synapses["fc1.weight"][0, 16:] = False
    logits = zeros(anatomy)
    logits["conv2"][0], logits["fc1"][0] = -50.0, 50.0
    made = make(anatomy, descent, 0, (0.5, 0.5), logits, Genome(Genome.unpruned(anatomy).kept, synapses))
    assert not made.alive["conv2"][0] and not made.alive["fc1"][0] and len(made.genome.kept["fc1"]) > 1


@pytest.mark.parametrize("seed", range(3))
def test_a_parent_with_all_its_synapses_has_the_same_offspring_whether_they_are_written_down_or_not(
    anatomy, descent, seed
):
    plain = Genome.unpruned(anatomy)
    masked = {name: torch.ones(anatomy.shapes[name]).bool() for name in anatomy.weights()}
    unmasked, other = (make(anatomy, descent, seed, parent=Genome(plain.kept, mask)) for mask in ({}, masked))
    assert unmasked.genome.synapses == {} and unmasked.genome.kept == other.genome.kept
    assert unmasked.genome.census(anatomy) == other.genome.census(anatomy)
    assert all(torch.equal(unmasked.survival[name], other.survival[name]) for name in unmasked.survival)


def test_units_of_a_high_logit_live_and_chances_are_the_frequencies(anatomy, descent):
    logits = zeros(anatomy)
    logits["fc1"][:250] += 1.0
    made = [make(anatomy, descent, seed, (0.5, 0.5), logits) for seed in range(60)]
    lived = torch.stack([network.alive["fc1"].double() for network in made]).mean(dim=0)
    expected = torch.stack([network.survival["fc1"] for network in made]).mean(dim=0)
    assert lived[:250].mean() > 0.85 and lived[250:].mean() < 0.55
    assert (lived[:250].mean() - expected[:250].mean()).abs() < 0.08
    assert (lived[250:].mean() - expected[250:].mean()).abs() < 0.08


def test_the_descent_is_geometric_and_ends_at_the_budgets_exactly(anatomy):
    both = Descent.of(resolve(None, {"max_macs": 22_930, "max_synapses": 43_050}), anatomy)
    assert both.at(0) == {"synapses": 430_500, "macs": 2_293_000}
    assert both.at(0.5) == pytest.approx({"synapses": 430_500 / 10**0.5, "macs": 229_300})
    assert both.at(1) == {"synapses": 43_050.0, "macs": 22_930.0}


def test_the_farthest_count_behind_says_how_far_a_network_has_traveled(anatomy):
    both = Descent.of(resolve(None, {"max_macs": 22_930, "max_synapses": 43_050}), anatomy)
    assert both.traveled(anatomy.census()) == 0
    small = Genome({"conv1": [*range(20)], "conv2": [*range(50)], "fc1": [0]}).census(anatomy)
    assert (
        0 < both.traveled(small) == pytest.approx(torch.tensor(2_293_000 / small.macs).log().item() / 4.605, abs=1e-3)
    )


def test_the_step_adapts_to_half_feasible():
    assert (adapted(0.2, 1.0), adapted(0.2, 0.5), adapted(0.2, 0.0)) == (0.4, 0.2, 0.1)
    assert adapted(0.8, 1.0) == 1.0 and adapted(0.005, 0.0) == 0.005


def test_without_budgets_macs_go_down_and_the_first_step_is_keep(anatomy):
    free = Descent.of(resolve(None, {"keep": 0.5}), anatomy)
    assert list(free.goal) == ["macs"]
    assert free.at(free.first_step(0.5))["macs"] == pytest.approx(2_293_000 / 2)


def test_a_budget_out_of_reach_is_refused_with_the_least_there_can_be(anatomy):
    with pytest.raises(UserError, match=r"--max-macs is 10; with one cluster left .* lenet5 still has 16,0\d\d"):
        Descent.of(resolve(None, {"max_macs": 10}), anatomy)


def test_a_predicted_latency_goes_down_as_counts_do_and_every_network_is_within_its_target(anatomy):
    config = resolve(None, {"board": "tx2", "max_latency_ms": 0.56, "max_macs": 2_000_000})
    machine, both = Machine(config, anatomy), Descent.of(config, anatomy)
    whole = machine.predict(anatomy.census()).latency_ms
    assert both.start == {"macs": 2_293_000, "latency_ms": whole} and both.at(1)["latency_ms"] == 0.56
    assert both.at(0.5)["latency_ms"] == pytest.approx((0.56 * whole) ** 0.5)
    for seed in range(3):
        made = make(anatomy, both, seed, (0.5, 1.0))
        census, target = made.genome.census(anatomy), both.at(made.pressure)
        assert machine.predict(census).latency_ms <= target["latency_ms"] and census.macs <= target["macs"]
    # The latency binds: without it the same seed makes a larger network.
    counts = Descent.of(resolve(None, {"max_macs": 2_000_000}), anatomy)
    assert census.macs < make(anatomy, counts, 2, (0.5, 1.0)).genome.census(anatomy).macs


def test_a_predicted_budget_out_of_reach_is_refused_in_its_own_words(anatomy):
    with pytest.raises(UserError, match=r"--max-latency-ms is 0.01; .* still has 0\.\d+ ms, .* raise the budget"):
        Descent.of(resolve(None, {"board": "tx2", "max_latency_ms": 0.01}), anatomy)
    with pytest.raises(UserError, match=r"--min-images-per-joule is 1e\+06; .* still has .* images/J, .* lower it"):
        Descent.of(resolve(None, {"board": "tx2", "min_images_per_joule": 1e6}), anatomy)


def test_ranks_run_from_minus_one_to_one_and_equals_share_theirs():
    assert ranks(torch.tensor([3.0, 1.0, 2.0])).tolist() == [1, -1, 0]
    assert ranks(torch.tensor([0.0, 0.0, 5.0])).tolist() == [-0.5, -0.5, 1]


def probes(anatomy, descent):
    """Networks that rank by how much more of the first fifty units of fc1 lives than of the others."""
    made = [make(anatomy, descent, seed, (0.5, 0.5)) for seed in range(32)]
    fc1 = [network.alive["fc1"].double() for network in made]
    return [Probe(network, (True, float(a[:50].mean() - a[50:].mean()))) for network, a in zip(made, fc1, strict=True)]


def test_the_reinforce_term_pulls_up_what_the_best_networks_have_in_common(anatomy, descent):
    pull = reinforce(probes(anatomy, descent))["fc1"]
    assert pull[:50].mean() > pull[50:].mean() + 0.02
    assert (pull[:50] > pull[50:].mean()).double().mean() > 0.7


def test_an_infeasible_network_pulls_away_from_itself(anatomy, descent):
    good, bad = make(anatomy, descent, 0), make(anatomy, descent, 1)
    pull = reinforce([Probe(good, (True, 1.0)), Probe(bad, (False, -0.1))])["fc1"]
    assert (pull[good.alive["fc1"] & ~bad.alive["fc1"]] > 0).all()
    assert (pull[bad.alive["fc1"] & ~good.alive["fc1"]] < 0).all()


def test_the_cross_entropy_method_moves_towards_the_elite_alone(anatomy, descent):
    drawn = probes(anatomy, descent)
    change = cross_entropy(zeros(anatomy), drawn)["fc1"]
    elite = sorted(drawn, key=lambda probe: probe.rank)[-8:]
    lived = torch.stack([probe.generated.alive["fc1"] for probe in elite]).sum(dim=0)
    assert (change[lived == 8] > 0).all() and (change[lived == 0] < 0).all() and (lived == 8).any()


def test_a_logit_moves_at_most_by_the_trust_region_and_only_where_there_is_life(anatomy):
    alive = living(anatomy, Genome({"conv1": [0, 1], "conv2": [*range(50)], "fc1": [*range(500)]}))
    worth = {name: torch.arange(len(mask), dtype=torch.float64) for name, mask in alive.items()}
    pull = {name: torch.ones(len(mask), dtype=torch.float64) for name, mask in alive.items()}
    moved = inquired(zeros(anatomy), pull, worth, alive)
    assert moved["fc1"].max() == 0.5 and (moved["conv1"][2:] == 0).all()
    still = {name: torch.zeros_like(values) for name, values in pull.items()}
    moved = inquired(zeros(anatomy), still, worth, alive)["fc1"]
    assert (moved.diff() > 0).all() and moved[[0, -1]].tolist() == pytest.approx([-0.4, 0.4])


def test_a_group_of_which_the_best_networks_keep_more_rises_as_a_whole(anatomy):
    alive = living(anatomy, Genome.unpruned(anatomy))
    pull = zeros(anatomy)
    pull["conv2"] += 0.1
    pull["fc1"][:250] += 0.1
    moved = inquired(zeros(anatomy), pull, zeros(anatomy), alive)
    assert moved["conv2"].tolist() == pytest.approx([0.2] * 50) and (moved["conv1"] == 0).all()
    assert moved["fc1"].tolist() == pytest.approx([0.15] * 250 + [0.05] * 250)


def test_networks_of_one_size_differ_in_shape(anatomy, descent):
    fc1 = [len(make(anatomy, descent, seed, (0.5, 0.5)).genome.kept["fc1"]) for seed in range(20)]
    assert max(fc1) > 1.5 * min(fc1)
