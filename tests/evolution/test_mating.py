import math

import pytest
import torch
from torch import nn

from edgesynth.anatomy import remove, trace
from edgesynth.errors import UserError
from edgesynth.evolution.offspring.breeding import Breeder
from edgesynth.evolution.place import Place
from edgesynth.evolution.progress import Progress
from edgesynth.evolution.synthesis.dna import Dna, encode
from edgesynth.evolution.synthesis.mating import (
    IntersectionRite,
    QuorumRite,
    build_rite,
    gene_pool,
    mean_dna,
    mean_state,
    no_more_than,
)
from edgesynth.evolution.synthesis.strength import Parent
from edgesynth.evolution.synthesis.strength.parent import alive_synapses
from edgesynth.evolution.synthesis.synthesis import Ration
from edgesynth.lineage import Config, Genome, Individual, Record, Species, state
from edgesynth.tasks import load_task

# fc "0" has 4 units of 2 inputs each, read by fc "2".
KEPT = [[0, 1, 2], [0, 1, 3], [0, 2, 3]]


@pytest.fixture(scope="module")
def kind():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 2))
    return Species(model, trace(model, (torch.zeros(1, 2),)), (2,))


def individual(kind, place, genome, offset):
    """An individual whose weights are the ancestor's plus an offset."""
    with torch.no_grad():
        network = remove(kind.model, kind.plan(genome))
        for parameter in network.parameters():
            parameter.add_(offset)
    return Individual(Record(1, place, ("g000-c0",), 90.0, True, genome.census(kind.anatomy)), genome, state(network))


@pytest.fixture
def individuals(kind):
    return [individual(kind, place, Genome({"0": kept}), 10.0 * place) for place, kept in enumerate(KEPT)]


def as_parent(kind, individual):
    plan, weights = kind.plan(individual.genome), kind.anatomy.weights()
    return Parent(
        kind.anatomy,
        individual.genome,
        {name: plan.uncut(name, individual.weights[name]) for name in weights},
        alive_synapses(kind.anatomy, individual.genome),
        lambda: {name: torch.ones(kind.anatomy.shapes[name]) for name in weights},
    )


@pytest.fixture
def parents(kind, individuals):
    return [as_parent(kind, individual) for individual in individuals]


@pytest.mark.parametrize(
    ("parents", "chi", "needed"),
    [(5, 0.6, 3), (3, 0.6, 2), (2, 0.6, 2), (2, 0.5, 1), (3, 0.3, 1), (5, 1, 5), (1, 0.6, 1)],
)
def test_a_quorum_is_at_least_that_share_of_the_parents(parents, chi, needed):
    assert QuorumRite(chi).needed(parents) == needed


def test_an_intersection_needs_them_all_and_is_a_quorum_of_one():
    assert (
        [IntersectionRite().needed(m) for m in (1, 2, 5)] == [QuorumRite(1).needed(m) for m in (1, 2, 5)] == [1, 2, 5]
    )
    assert isinstance(build_rite(Config(mating="intersection", quorum=0.2)), IntersectionRite)
    assert build_rite(Config(quorum=0.2)).needed(5) == 1


def test_a_quorum_outside_its_range_is_refused():
    with pytest.raises(UserError, match="quorum is 0; it must be above 0 and at most 1"):
        QuorumRite(0)


@pytest.mark.parametrize(("needed", "kept"), [(1, [0, 1, 2, 3]), (2, [0, 1, 2, 3]), (3, [0])])
def test_candidates_are_the_clusters_that_enough_parents_have(parents, needed, kept):
    assert gene_pool(parents, needed).genome.kept == {"0": kept}


def test_candidate_synapses_are_counted_one_by_one_and_die_with_their_cluster(kind):
    masks = [torch.ones(4, 2, dtype=torch.bool) for _ in range(3)]
    masks[0][1, 0] = masks[1][1, 0] = False  # unit 1's first synapse: one of three has it
    masks[2][0, 1] = False  # unit 0's second: two of three
    mated = [
        as_parent(kind, individual(kind, place, Genome({"0": kept}, {"0.weight": mask}), 0.0))
        for place, (kept, mask) in enumerate(zip([[0, 1], [0, 1], [0, 1, 2]], masks, strict=True))
    ]
    pool = gene_pool(mated, 2)
    assert pool.genome.kept == {"0": [0, 1]}
    assert pool.alive["0.weight"].tolist() == [[True, True], [False, True], [False, False], [False, False]]
    assert pool.alive["2.weight"].tolist() == [[True, True, False, False]] * 2
    assert pool.genome.synapses is pool.alive


def test_a_layer_that_no_quorum_shares_is_the_best_parent_s(kind):
    mated = [
        as_parent(kind, individual(kind, place, Genome({"0": kept}), 0.0)) for place, kept in enumerate([[1, 2], [3]])
    ]
    pool = gene_pool(mated, 2)
    assert pool.genome.kept == {"0": [1, 2]}
    assert pool.alive["0.weight"].any(dim=1).tolist() == pool.alive["2.weight"].any(dim=0).tolist()
    assert pool.alive["0.weight"].any(dim=1).tolist() == [False, True, True, False]


def test_the_pool_s_weights_are_means_over_those_that_have_the_synapse(parents):
    first, second, third = (parent.weights["0.weight"] for parent in parents)
    weight = gene_pool(parents, 1).weights["0.weight"]
    assert torch.equal(weight[1], (first[1] + second[1]) / 2) and torch.equal(weight[3], (second[3] + third[3]) / 2)


def test_one_parent_is_its_own_pool_dna_and_state(kind, parents, individuals):
    dna = encode(parents[1], "cluster", "magnitude")
    assert gene_pool(parents[1:2], 1) is parents[1]
    assert mean_dna([dna], parents[1:2], "magnitude") is dna
    plan, state = kind.plan(individuals[1].genome), mean_state(kind, individuals[1:2])
    assert all(torch.equal(state[name], plan.uncut(name, tensor)) for name, tensor in individuals[1].weights.items())


def test_magnitudes_mate_by_the_geometric_mean_of_their_shares_over_those_that_have_the_cluster(parents):
    shares = [
        torch.tensor(values, dtype=torch.float64) for values in ([0.9, 0.4, 0.2, 0], [0.4, 0.1, 0, 1], [0.6, 0, 0.8, 0])
    ]
    dnas = [Dna({"0": share - 1}, {}) for share in shares]
    viability = mean_dna(dnas, parents, "magnitude").clusters["0"]
    # Unit 3 is alive in the second and third parent, and is nothing to the third.
    expected = [(0.9 * 0.4 * 0.6) ** (1 / 3) - 1, math.sqrt(0.4 * 0.1) - 1, math.sqrt(0.2 * 0.8) - 1, -1]
    assert viability.tolist() == pytest.approx(expected)


def test_other_strengths_mate_by_the_mean_of_viabilities_and_what_one_cannot_pass_on_all_cannot(parents):
    viabilities = [[-1, -2, -3, 0], [-3, -4, 0, -7], [-5, 0, -torch.inf, -1]]
    dnas = [Dna({"0": torch.tensor(values, dtype=torch.float64)}, {}) for values in viabilities]
    viability = mean_dna(dnas, parents, "fisher").clusters["0"]
    assert viability.tolist() == [-3, -3, -torch.inf, -4]


@pytest.mark.parametrize("strength", ["magnitude", "fisher"])
def test_what_no_parent_has_cannot_be_passed_on(kind, strength):
    mated = [as_parent(kind, individual(kind, place, Genome({"0": [0, 1]}), 0.0)) for place in (0, 1)]
    dna = mean_dna([encode(parent, "cluster", strength) for parent in mated], mated, strength)
    assert (dna.clusters["0"] == -torch.inf).tolist() == [False, False, True, True]
    assert (dna.synapses["2.weight"] == -torch.inf).tolist() == [[False, False, True, True]] * 2


def test_weights_are_means_over_the_parents_that_have_them(kind, individuals):
    state, first = mean_state(kind, individuals), kind.model[0]
    # Units 0: all (offsets 0, 10, 20); 1: the first two; 2: first and third; 3: second and third.
    offsets = torch.tensor([10.0, 5.0, 10.0, 15.0])
    assert torch.allclose(state["0.bias"], first.bias + offsets)
    assert torch.allclose(state["0.weight"], first.weight + offsets[:, None], atol=1e-5)
    assert torch.allclose(state["2.weight"], kind.model[2].weight + offsets, atol=1e-5)
    assert torch.allclose(state["2.bias"], kind.model[2].bias + 10)


def test_a_dead_synapse_does_not_pull_the_mean_towards_zero(kind):
    mask = torch.ones(4, 2, dtype=torch.bool)
    mask[0, 0] = False
    genomes = [Genome({"0": [0, 1]}, {"0.weight": mask}), Genome({"0": [0, 1]})]
    mated = [individual(kind, place, genome, 8.0) for place, genome in enumerate(genomes)]
    mated[0].weights["0.weight"][0, 0] = 0
    assert mean_state(kind, mated)["0.weight"][0, 0].item() == pytest.approx(kind.model[0].weight[0, 0].item() + 8)


def test_a_counter_is_the_best_parent_s():
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Conv2d(3, 2, 3))
    kind = Species(model, trace(model, (torch.zeros(1, 1, 8, 8),)), (1, 8, 8))
    mated = [individual(kind, place, Genome.unpruned(kind.anatomy), 0.0) for place in (0, 1)]
    for parent, seen in zip(mated, (7, 9), strict=True):
        parent.weights["1.num_batches_tracked"] = torch.tensor(seen)
        parent.weights["1.running_mean"] = torch.full((3,), float(seen))
    state = mean_state(kind, mated)
    assert state["1.num_batches_tracked"] == 7 and state["1.running_mean"].tolist() == [8.0] * 3


def test_a_level_whose_budget_is_met_gets_no_more_than_the_best_parent_has(kind):
    census = {count: Genome({"0": list(range(count))}).census(kind.anatomy) for count in (2, 3)}
    assert no_more_than(Ration(None, None), census[2], census[3], Config()) == Ration(4, 8)
    assert no_more_than(Ration(None, 5.0), census[3], census[2], Config()) == Ration(None, 5.0)


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ({"keep": 1.0, "keep_clusters": 0.9}, Ration(4, None)),
        ({"keep_clusters": 1.0}, Ration(None, 8)),
        ({"environment": "faithful", "strength": "magnitude"}, Ration(None, None)),
    ],
    ids=str,
)
def test_a_level_that_is_never_drawn_is_not_drawn_where_the_pool_holds_more(kind, given, left):
    census = {count: Genome({"0": list(range(count))}).census(kind.anatomy) for count in (2, 3)}
    assert no_more_than(Ration(None, None), census[2], census[3], Config(**given)) == left


def test_an_offspring_has_a_cluster_that_its_best_parent_lacks_with_the_weights_of_those_that_have_it():
    task = load_task("digits")
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 4), nn.ReLU(), nn.Linear(4, 10))
    kind = Species(model, trace(model, (torch.zeros(2, 1, 28, 28),)), (1, 28, 28))
    mated = [individual(kind, place, Genome({"1": kept}), float(place)) for place, kept in enumerate(KEPT)]
    config = Config(parents=3, strength="random", keep=0.999, keep_clusters=1, epochs=0, final_epochs=0)
    breeder = Breeder(config, kind, task, Progress())
    place = Place(2, 0, tuple(parent.name for parent in mated))
    child, again = breeder.offspring(mated, place), breeder.offspring(mated, place)
    assert 3 in child.genome.kept["1"] and child.record.parents == ("g001-c0", "g001-c1", "g001-c2")
    assert child.record.synthesis["mating"]["needed"] == 2
    at = child.genome.kept["1"].index(3)
    assert child.weights["1.bias"][at].item() == pytest.approx(model[1].bias[3].item() + 1.5)
    assert child.record == again.record
    assert all(torch.equal(child.weights[name], again.weights[name]) for name in child.weights)
