import math

import pytest
import torch
from torch import nn

from edgesynth.anatomy import trace
from edgesynth.ancestors import build_ancestor
from edgesynth.errors import UserError
from edgesynth.evolution.budgets import Budgets
from edgesynth.evolution.synthesis.dead_units import remove_dead_units
from edgesynth.evolution.synthesis.dna import Dna, encode
from edgesynth.evolution.synthesis.environment import CalibratedEnvironment, FaithfulEnvironment, World
from edgesynth.evolution.synthesis.strength import FisherStrength, MagnitudeStrength, Parent, RandomStrength
from edgesynth.evolution.synthesis.strength.parent import alive_synapses
from edgesynth.evolution.synthesis.synthesis import Ration, ration, synthesize
from edgesynth.lineage import Genome, resolve

CALIBRATED = World(CalibratedEnvironment(0.1), CalibratedEnvironment(0.1))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def parent():
    torch.manual_seed(0)
    model = build_ancestor("lenet5")
    anatomy = trace(model, (torch.zeros(1, 1, 28, 28),))
    genome = Genome.unpruned(anatomy)
    weights = {name: model.get_parameter(name).detach() for name in anatomy.weights()}
    ones = {name: torch.ones_like(weight) for name, weight in weights.items()}
    return Parent(anatomy, genome, weights, alive_synapses(anatomy, genome), lambda: ones)


def test_magnitude_of_synapses_is_the_papers_exponent(parent):
    strength = MagnitudeStrength().synapses(parent)["conv2.weight"]
    weight = parent.weights["conv2.weight"].double().abs()
    assert torch.allclose(strength, weight / weight.max() - 1)


def test_magnitude_of_a_cluster_sums_its_synapses_without_the_weak_ones(parent):
    strength = MagnitudeStrength(truncation=0.5).clusters(parent)["conv1"]
    weight = parent.weights["conv1.weight"].double().abs()
    sums = torch.where(weight >= 0.5 * weight.max(), weight, 0).flatten(1).sum(1)
    assert torch.allclose(strength, sums / sums.max() - 1)
    assert strength.max() == 0


def test_truncation_outside_its_range_is_refused():
    with pytest.raises(UserError, match="truncation is 1"):
        MagnitudeStrength(1)


def test_fisher_strength_is_the_logarithm_of_squared_weight_times_squared_gradient_over_the_strongest(parent):
    gradients = {
        name: torch.full_like(weight, 2.0 if name == "fc1.weight" else 1.0) for name, weight in parent.weights.items()
    }
    strength = FisherStrength().synapses(
        Parent(parent.anatomy, parent.genome, parent.weights, parent.alive, lambda: gradients)
    )
    strongest = max((weight.double().square() * gradients[name]).max() for name, weight in parent.weights.items())
    weight = parent.weights["fc1.weight"][3, 5].double()
    assert strength["fc1.weight"][3, 5].item() == pytest.approx(math.log(2 * weight**2 / strongest))
    assert max(viability.max().item() for viability in strength.values()) == pytest.approx(0)


def test_fisher_strength_of_a_cluster_is_its_worth_over_the_strongest_of_its_layer_and_over_its_cost(parent):
    strength = FisherStrength().clusters(parent)
    sums = {
        name: parent.weights[f"{name}.weight"].double().square().flatten(1).sum(1) for name in ("conv1", "conv2", "fc1")
    }
    cost = {"conv1": 25 + 50 * 25, "conv2": 20 * 25 + 500 * 16, "fc1": 800 + 10}
    assert all(torch.allclose(strength[name], (sums[name] / sums[name].max() / cost[name]).log()) for name in sums)


def test_random_strength_knows_no_difference(parent):
    strength = RandomStrength()
    assert all((viability == 0).all() for viability in (strength.clusters(parent) | strength.synapses(parent)).values())


def test_calibrated_cluster_synthesis_meets_both_rations(parent):
    dna = encode(parent, "cluster", "magnitude")
    genome, facts = synthesize(parent, dna, CALIBRATED, Ration(150, 20_000), generator())
    census = genome.census(parent.anatomy)
    assert abs(census.clusters + facts["swept_clusters"] - 150) <= 1
    assert facts["drawn_synapses"] in (19_999, 20_000, 20_001)
    assert census.synapses <= facts["drawn_synapses"]
    assert len(genome.kept["conv1"]) >= 1 and "fc2" not in genome.kept


def test_synapses_of_dead_clusters_are_dead_in_every_layer(parent):
    genome, _ = synthesize(parent, encode(parent, "cluster", "magnitude"), CALIBRATED, Ration(90, None), generator(1))
    alive = torch.zeros(50, dtype=torch.bool)
    alive[genome.kept["conv2"]] = True
    assert not genome.synapses["conv2.weight"][~alive].any()
    assert not genome.synapses["fc1.weight"].reshape(500, 50, 16)[:, ~alive].any()
    assert genome.synapses["conv2.weight"][alive].any()


def test_the_synapse_encoding_draws_no_clusters_but_sweeps_those_that_lost_all_synapses(parent):
    dna = encode(parent, "synapse", "magnitude")
    assert dna.clusters == {}
    genome, facts = synthesize(parent, dna, CALIBRATED, Ration(50, 600), generator())
    assert facts["drawn_clusters"] == 570 and facts["drawn_synapses"] in (599, 600, 601)
    assert facts["swept_clusters"] == 570 - sum(len(kept) for kept in genome.kept.values()) > 100


def test_the_faithful_rule_is_drawn_at_both_levels_each_with_its_factor(parent):
    dna = encode(parent, "cluster", "magnitude")
    genome, facts = synthesize(
        parent, dna, World(FaithfulEnvironment(0.8), FaithfulEnvironment(0.5)), Ration(580, 430_500), generator()
    )
    chances = {name: 0.8 * viability.exp() for name, viability in dna.clusters.items()}
    fc1 = len(genome.kept["fc1"])
    assert abs(fc1 - chances["fc1"].sum()) < 4 * math.sqrt(500 * 0.25)
    alive = genome.synapses["fc1.weight"][genome.kept["fc1"]].reshape(fc1, 50, 16)[:, genome.kept["conv2"]]
    expected = 0.5 * dna.synapses["fc1.weight"].exp().mean()
    assert alive.double().mean().item() == pytest.approx(expected.item(), abs=0.01)
    assert facts["expected_clusters"] == pytest.approx(10 + sum(chance.sum().item() for chance in chances.values()))
    assert facts["expected_synapses"] == pytest.approx(facts["drawn_synapses"], rel=0.02)


def test_nothing_is_expected_of_a_level_that_is_not_drawn(parent):
    _, facts = synthesize(parent, encode(parent, "synapse", "magnitude"), CALIBRATED, Ration(50, 600), generator())
    assert facts["expected_clusters"] is None and facts["expected_synapses"] == 600
    _, facts = synthesize(parent, encode(parent, "cluster", "magnitude"), CALIBRATED, Ration(90, None), generator())
    assert facts["expected_clusters"] == 90 and facts["expected_synapses"] is None


def test_a_layer_that_would_die_out_keeps_its_strongest_cluster(parent):
    dna = encode(parent, "cluster", "magnitude")
    genome, _ = synthesize(
        parent, dna, World(FaithfulEnvironment(1e-9), FaithfulEnvironment(1e-9)), Ration(10, 10), generator()
    )
    assert genome.kept == {name: [int(dna.clusters[name].argmax())] for name in ("conv1", "conv2", "fc1")}


def chain():
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 2))
    anatomy = trace(model, (torch.zeros(1, 4),))
    clusters = {group.name: torch.ones(group.size, dtype=torch.bool) for group in anatomy.removable}
    synapses = {name: torch.ones(anatomy.shapes[name], dtype=torch.bool) for name in anatomy.weights()}
    return anatomy, clusters, synapses


def test_the_sweep_follows_death_forwards_and_backwards_to_the_end():
    anatomy, clusters, synapses = chain()
    synapses["2.weight"][:] = torch.tensor([[1, 0, 0], [0, 1, 0], [1, 0, 0]]).bool()  # "0" unit 2 feeds nothing
    synapses["4.weight"][:, 1] = False  # "2" unit 1 feeds nothing, and so in turn "0" unit 1
    assert remove_dead_units(anatomy, clusters, synapses, {"0": torch.zeros(3), "2": torch.zeros(3)}) == 3
    assert clusters["0"].tolist() == [True, False, False]
    assert clusters["2"].tolist() == [True, False, True]
    assert synapses["0.weight"].any(dim=1).tolist() == [True, False, False]


def test_the_sweep_never_takes_the_last_cluster_of_a_layer():
    anatomy, clusters, synapses = chain()
    synapses["2.weight"][:] = False
    viability = {"0": torch.tensor([0.1, 0.2, 0.3]), "2": torch.tensor([0.1, 0.3, 0.2])}
    remove_dead_units(anatomy, clusters, synapses, viability)
    assert clusters["0"].tolist() == [False, False, True]
    assert clusters["2"].tolist() == [False, True, False]


@pytest.mark.parametrize("viability", [[0.9, 0.2, 0.3], [-math.inf] * 3])
def test_of_a_layer_without_synapses_a_unit_that_was_drawn_stays_be_others_stronger(viability):
    anatomy, clusters, synapses = chain()
    clusters["0"] = torch.tensor([False, True, False])
    synapses["0.weight"][1] = False
    remove_dead_units(anatomy, clusters, synapses, {"0": torch.tensor(viability), "2": torch.zeros(3)})
    assert clusters["0"].tolist() == [False, True, False] and clusters["2"].any()


def test_a_ration_shrinks_each_level_until_its_own_budget_is_met(parent):
    whole = parent.genome.census(parent.anatomy)

    def fed(options):
        return ration(Budgets(resolve(None, options)), whole)

    assert fed({"keep": 0.25}) == Ration(0.5 * 580, 0.25 * 430_500)
    assert fed({"keep": 0.25, "keep_clusters": 0.9, "max_synapses": 200_000}) == Ration(0.9 * 580, 200_000)
    assert fed({"keep": 0.5, "max_clusters": 580, "max_synapses": 10}) == Ration(None, 215_250)
    assert fed({"keep": 0.25, "max_clusters": 580, "max_macs": 1000}).clusters == 290
    assert fed({"keep": 0.25, "max_synapses": 430_500}).synapses is None


def test_dna_names_every_removable_group_and_every_layer(parent):
    dna = encode(parent, "cluster", "fisher")
    assert isinstance(dna, Dna)
    assert set(dna.clusters) == {"conv1", "conv2", "fc1"}
    assert set(dna.synapses) == {"conv1.weight", "conv2.weight", "fc1.weight", "fc2.weight"}


def test_no_layer_gives_in_one_generation_what_the_network_gives_in_one_and_a_half(parent):
    dna = encode(parent, "cluster", "magnitude")
    dna.clusters["conv2"] -= 100
    genome, _ = synthesize(parent, dna, CALIBRATED, Ration(10 + 285, None), generator())
    assert len(genome.kept["conv2"]) == math.floor(50 * 0.5**1.5)
    assert sum(len(kept) for kept in genome.kept.values()) in (284, 285, 286)
