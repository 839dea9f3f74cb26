"""Layers that write on what another has written, weights of two names, and branches of which parents share nothing."""

import torch
from torch import nn

from edgesynth.anatomy import trace
from edgesynth.evolution.offspring.breeding import Breeder
from edgesynth.evolution.place import Place
from edgesynth.evolution.synthesis.dead_units import remove_dead_units
from edgesynth.evolution.synthesis.environment.calibrated import CERTAIN, CalibratedEnvironment
from edgesynth.evolution.synthesis.mating import gene_pool, mean_state
from edgesynth.evolution.synthesis.strength import Parent
from edgesynth.evolution.synthesis.strength.parent import alive_synapses
from edgesynth.lineage import Config, Genome, Individual, Record, Species, state


def swept_of(network, shape, dead):
    """(units swept, clusters left) after all synapses of one row of a weight have died."""
    anatomy = trace(network.eval(), torch.randn(2, *shape))
    alive = {name: torch.ones(anatomy.shapes[name], dtype=torch.bool) for name in anatomy.weights()}
    alive[dead][0] = False
    clusters = {group.name: torch.ones(group.size, dtype=torch.bool) for group in anatomy.removable}
    viability = {group.name: torch.zeros(group.size) for group in anatomy.removable}
    swept = remove_dead_units(anatomy, clusters, alive, viability)
    return swept, {name: int(mask.sum()) for name, mask in clusters.items()}


def pair(*last):
    depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8)
    return nn.Sequential(nn.Conv2d(3, 8, 1), nn.ReLU(), depthwise, *last, nn.Conv2d(8, 4, 1), nn.Flatten(1))


def test_a_channel_dies_with_its_pointwise_or_its_depthwise_synapses():
    for dead in ("0.weight", "2.weight"):
        assert swept_of(pair(nn.ReLU()), (3, 6, 6), dead) == (1, {"0": 7}), dead


class Stream(nn.Module):
    """A depthwise convolution beside a skip: what it adds is not needed."""

    def __init__(self):
        super().__init__()
        self.stem, self.back = nn.Conv2d(3, 8, 1), nn.Conv2d(6, 8, 1)
        self.depth, self.inner = nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.Conv2d(8, 6, 1)
        self.head = nn.Linear(8, 2)

    def forward(self, x):
        x = self.stem(x)
        x = x + self.back(self.inner(self.depth(x)).relu())
        return self.head((x + self.depth(x)).mean((2, 3)))


def test_a_stream_that_several_layers_write_needs_one_of_them():
    for dead in ("stem.weight", "back.weight", "depth.weight"):
        assert swept_of(Stream(), (3, 6, 6), dead)[0] == 0, dead


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.head = nn.Conv2d(1, 4, 3, padding=1), nn.Linear(4, 2)
        self.one, self.two = (nn.Conv2d(4, 4, 3, padding=1, bias=False) for _ in range(2))
        self.two.weight = self.one.weight

    def forward(self, x):
        return self.head(self.two(self.one(self.stem(x).relu()).relu()).relu().mean((2, 3)))


def kind_of(network, shape=(1, 6, 6)):
    return Species(network.eval(), trace(network, torch.randn(2, *shape)), shape)


def individual(kind, genome, weights):
    return Individual(Record(1, 0, (), 90.0, True, genome.census(kind.anatomy)), genome, weights)


def test_a_synapse_that_one_parent_lacks_is_not_halved_where_its_weight_has_two_names():
    kind = kind_of(Tied())
    whole, alive = Genome.unpruned(kind.anatomy), torch.ones(4, 4, 3, 3, dtype=torch.bool)
    lacking = alive.clone()
    lacking[0, 0] = False
    parents = []
    for mask in (alive, lacking):
        weights = state(kind.model)
        weights.update({name: weights[name] * mask for name in ("one.weight", "two.weight")})
        parents.append(individual(kind, Genome(whole.kept, {"one.weight": mask}), weights))
    mean = mean_state(kind, parents)
    for name in ("one.weight", "two.weight"):
        assert torch.equal(mean[name], kind.model.one.weight), name


class Fire(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.a, self.b, self.c = (nn.Conv2d(width, 4, 1) for width in (1, 4, 4, 8))
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        x = self.stem(x).relu()
        return self.head(self.c(torch.cat([self.a(x), self.b(x)], 1)).relu().mean((2, 3)))


def test_a_branch_of_which_parents_share_nothing_keeps_the_best_one_s_readers():
    kind = kind_of(Fire())

    def parent(kept):
        genome = Genome({**Genome.unpruned(kind.anatomy).kept, "a": kept})
        alive = alive_synapses(kind.anatomy, genome)
        weights = {name: kind.model.get_parameter(name).detach() * alive[name] for name in alive}
        return Parent(kind.anatomy, genome, weights, alive, dict)

    pool = gene_pool([parent([0, 1]), parent([2, 3])], 2)
    assert pool.genome.kept["a"] == [0, 1]
    assert pool.alive["c.weight"].flatten(1).sum(0).tolist() == [4, 4, 0, 0, 4, 4, 4, 4]
    assert pool.alive["a.weight"].flatten(1).sum(1).tolist() == [4, 4, 0, 0]


def test_a_lost_individual_has_no_weights_where_its_genome_has_no_synapses(monkeypatch):
    kind = kind_of(nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)))
    whole, mask = Genome.unpruned(kind.anatomy), torch.ones(4, 1, 3, 3, dtype=torch.bool)
    mask[:, :, 0] = False
    parent = individual(kind, whole, state(kind.model))
    breeder = Breeder.__new__(Breeder)
    breeder.config, breeder.species, breeder.device = Config(), kind, torch.device("cpu")
    child = Genome(whole.kept, {"0.weight": mask})
    breeder.sampler = type("Drawn", (), {"draw": staticmethod(lambda parents, place, correction: (child, {}))})
    lost = breeder.lost([parent], Place(1, 0, ("g000-c0",)), "its worker died")
    assert sum(int(lost.weights[name].count_nonzero()) for name in kind.anatomy.weights()) == 24 + 8
    assert lost.record.census.synapses == 24 + 8


def test_a_temperature_near_zero_draws_as_many_as_another():
    viability = {"a": torch.linspace(0, 5, 50, dtype=torch.float64)}
    alive = {"a": torch.ones(50, dtype=torch.bool)}
    for temperature in (0.1, 1e-6, 1e-9):
        assert CERTAIN < 5 / 1e-6
        source = torch.Generator().manual_seed(0)
        drawn = CalibratedEnvironment(temperature).draw(viability, alive, 25, source, {"a": 1})
        assert int(drawn["a"].sum()) == 25, temperature
