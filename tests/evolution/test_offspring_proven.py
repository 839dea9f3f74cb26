"""Every offspring's cut is proven before it is nurtured; what breaks the proof stays as it is in the parent."""

import json

import pytest
import torch
from torch import nn

from edgesynth.evolution import evolve
from edgesynth.evolution.loop.replay import replay
from edgesynth.evolution.offspring.proving import FACT, proven
from edgesynth.evolution.synthesis.strength.parent import alive_synapses
from edgesynth.lineage import Genome, resolve, species
from edgesynth.tasks import load_task

MAGIC = 9


class Asking(nn.Module):
    """One width of the first layer, by which none of the cuts before a run comes, makes another function of it."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.out = nn.Conv2d(1, 12, 5, stride=3), nn.Conv2d(12, 8, 3), nn.Linear(8, 10)

    def forward(self, x):
        y = self.a(x).relu()
        y = y.square() if self.a.out_channels == MAGIC else y
        return self.out(self.b(y).relu().mean((2, 3)))


class Twice(Asking):
    """The same of two widths."""

    def forward(self, x):
        y = self.a(x).relu()
        y = y.square() if self.a.out_channels in (MAGIC, MAGIC + 1) else y
        return self.out(self.b(y).relu().mean((2, 3)))


@pytest.fixture(scope="module")
def kind():
    return species("test_offspring_proven:Asking", load_task("digits"), 0)


def drawn(kind, **kept):
    whole = Genome.unpruned(kind.anatomy)
    return Genome({**whole.kept, **{name: list(units) for name, units in kept.items()}})


def test_the_cuts_before_a_run_do_not_find_this_network_out(kind):
    assert {group.name for group in kind.anatomy.removable} == {"a", "b"}


def test_only_what_breaks_the_proof_keeps_one_unit_more(kind):
    genome, broken = proven(kind, drawn(kind, a=range(MAGIC), b=[1, 4]), drawn(kind, a=range(1, 12)))
    assert genome.kept == {"a": list(range(MAGIC + 1)), "b": [1, 4]}
    assert broken.keys() == {"a"} and "goes by widths (at test_offspring_proven.py:" in broken["a"]


def test_what_breaks_the_proof_with_one_unit_more_too_stays_as_it_is_in_the_parent():
    twice = species("test_offspring_proven:Twice", load_task("digits"), 0)
    genome, broken = proven(twice, drawn(twice, a=range(MAGIC), b=[1, 4]), drawn(twice, a=range(11)))
    assert genome.kept == {"a": list(range(11)), "b": [1, 4]} and broken.keys() == {"a"}


def test_a_cut_that_holds_is_the_genome_itself(kind):
    genome = drawn(kind, a=range(MAGIC - 1), b=[0])
    assert proven(kind, genome, Genome.unpruned(kind.anatomy)) == (genome, {})


def test_the_parent_s_synapses_come_back_with_its_clusters_and_those_of_other_dead_clusters_do_not(kind):
    parent = drawn(kind)
    mask = torch.rand(8, 12, 3, 3, generator=torch.Generator().manual_seed(1)) < 0.5
    parent.synapses["b.weight"] = mask
    child = drawn(kind, a=range(MAGIC), b=[1, 4])
    child.synapses["b.weight"] = torch.zeros_like(mask)
    child.synapses["b.weight"][1, 2] = mask[1, 2]
    genome, _ = proven(kind, child, parent)
    expected = torch.zeros_like(mask)
    expected[1, 2] = mask[1, 2]
    expected[[1, 4], MAGIC] = mask[[1, 4], MAGIC]
    assert torch.equal(genome.synapses["b.weight"], expected)
    assert torch.equal(alive_synapses(kind.anatomy, genome)["b.weight"], expected)


@pytest.fixture(scope="module", params=["heredity", "generative"])
def run(request, tmp_path_factory):
    """A run that comes upon the width that breaks the proof."""
    given = {
        "ancestor": "test_offspring_proven:Asking",
        "task": "digits",
        "ancestor_epochs": 0,
        "epochs": 0,
        "final_epochs": 0,
        "min_accuracy": 0.0,
        "generations": 3,
        "seed": 1,
    }
    own = {"strategy": "generative", "probes": 4, "probe_epochs": 0, "keep": 0.9}
    if request.param == "heredity":
        own = {"offspring": 3, "keep": 1, "keep_clusters": 0.9, "strength": "magnitude"}
    return evolve(tmp_path_factory.mktemp("runs") / "run", resolve(None, {**given, **own}))


def test_no_individual_of_a_run_has_a_width_that_breaks_the_proof_and_the_record_says_so(run):
    kept = [len(run.load(name).genome.kept["a"]) for name in run.names()]
    assert len(kept) > 3 and MAGIC not in kept and min(kept) < 12
    assert FACT in json.dumps([record.synthesis for record in run.records()])


def test_a_replay_leaves_the_same_groups(run):
    assert replay(run, run.names()[-1])
