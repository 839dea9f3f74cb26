"""Branches in a genome: they die with their groups, are mated, drawn by a shape, proven, kept and replayed."""

import dataclasses
import json
from collections import Counter

import onnx
import pytest
import torch
from torch import nn

import edgesynth
from edgesynth.anatomy import remove
from edgesynth.errors import UserError
from edgesynth.evolution import evolve, replay
from edgesynth.evolution.offspring.proving import proven
from edgesynth.evolution.synthesis.dna import encode
from edgesynth.evolution.synthesis.environment import CalibratedEnvironment
from edgesynth.evolution.synthesis.masks import without_dead_branches
from edgesynth.evolution.synthesis.mating import gene_pool, mean_dna, mean_state
from edgesynth.evolution.synthesis.shape.drawing import draw_of_shape
from edgesynth.evolution.synthesis.strength import Parent
from edgesynth.evolution.synthesis.strength.parent import alive_synapses
from edgesynth.export import to_onnx
from edgesynth.lineage import Genome, Individual, Record, has_same_ancestor, resolve, species, state
from edgesynth.lineage.storage.fitting import check_fits
from edgesynth.lineage.storage.reading import DamagedError
from edgesynth.report import write_report
from edgesynth.tasks import load_task


class Block(nn.Module):
    def __init__(self, width, inner):
        super().__init__()
        self.a, self.norm, self.b = (
            nn.Conv2d(width, inner, 3, padding=1),
            nn.BatchNorm2d(inner),
            nn.Conv2d(inner, width, 1),
        )

    def forward(self, x):
        return (x + self.b(self.norm(self.a(x)).relu())).relu()


class Residual(nn.Module):
    """Three blocks on a stream of eight channels."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 8, 3, stride=2)
        self.blocks = nn.Sequential(Block(8, 4), Block(8, 6), Block(8, 4))
        self.out = nn.Linear(8, 10)

    def forward(self, x):
        return self.out(self.blocks(self.stem(x).relu()).mean((2, 3)))


NAME = "test_dying_branches:Residual"
FIRST, SECOND, THIRD = (f"blocks.{place}/branch" for place in range(3))


@pytest.fixture(scope="module")
def kind():
    return species(NAME, load_task("digits"), 0, branches=True)


def genome(kind, dead=(), **units):
    kept = {**Genome.unpruned(kind.anatomy).kept, **units, **{name: [] for name in dead}}
    kept = without_dead_branches(kind.anatomy, kept)
    synapses = alive_synapses(kind.anatomy, Genome(kept))
    return Genome(kept, synapses)


def individual(kind, own):
    network = remove(kind.model, kind.plan(own))
    return Individual(Record(1, 0, ("g000-c0",), 90.0, True, own.census(kind.anatomy)), own, state(network))


def as_parent(kind, own):
    plan, weights = kind.plan(own.genome), kind.anatomy.weights()
    return Parent(
        kind.anatomy,
        own.genome,
        {name: plan.restored(name, own.weights) for name in weights},
        alive_synapses(kind.anatomy, own.genome),
        lambda: {name: torch.ones(kind.anatomy.shapes[name]) for name in weights},
    )


def test_a_species_has_branches_only_where_they_may_die(kind):
    assert [branch.name for branch in kind.anatomy.removable_branches] == [FIRST, SECOND, THIRD]
    assert species(NAME, load_task("digits"), 0).anatomy.branches == ()


def test_a_dead_branch_takes_its_groups_along_and_an_empty_group_its_branch(kind):
    kept = Genome.unpruned(kind.anatomy).kept
    assert kept[SECOND] == [0]
    by_name = without_dead_branches(kind.anatomy, {**kept, SECOND: []})
    by_group = without_dead_branches(kind.anatomy, {**kept, "blocks.1.a": []})
    assert by_name == by_group == {**kept, SECOND: [], "blocks.1.a": []}


def test_the_census_counts_nothing_of_a_dead_branch(kind):
    whole, less = genome(kind).census(kind.anatomy), genome(kind, [SECOND]).census(kind.anatomy)
    lost = {"blocks.1.a": 8 * 6 * 9, "blocks.1.b": 6 * 8}
    assert {layer.name: layer.synapses for layer in less.layers} == {
        layer.name: 0 if layer.name in lost else layer.synapses for layer in whole.layers
    }
    assert whole.synapses - less.synapses == sum(lost.values())
    assert whole.clusters - less.clusters == 6 + 8
    assert whole.params - less.params == sum(lost.values()) + 6 + 2 * 6 + 8  # biases and the normalization


def test_a_shape_says_which_branches_die_and_how_many_clusters_each_group_keeps(kind):
    parent = as_parent(kind, individual(kind, genome(kind)))
    dna = encode(parent, "cluster", "magnitude")
    assert dna.branches.keys() == {FIRST, SECOND, THIRD} and SECOND not in dna.clusters
    drawn, facts = draw_of_shape(
        parent,
        dna,
        CalibratedEnvironment(0.1),
        {"stem": 5, "blocks.0.a": 2, "blocks.1.a": 0},
        frozenset([SECOND]),
        torch.Generator().manual_seed(0),
    )
    sizes = {name: len(units) for name, units in drawn.kept.items()}
    assert sizes == {"stem": 5, "blocks.0.a": 2, "blocks.1.a": 0, "blocks.2.a": 4, FIRST: 1, SECOND: 0, THIRD: 1}
    assert facts["dead_branches"] == [SECOND] and facts["expected_clusters"] == 7
    assert not drawn.synapses["blocks.1.b.weight"].any() and drawn.synapses["blocks.2.b.weight"].any()


def test_parents_pass_on_the_branches_that_enough_of_them_have(kind):
    own = [individual(kind, genome(kind, dead)) for dead in ([FIRST], [FIRST, SECOND], [])]
    parents = [as_parent(kind, each) for each in own]
    pool = gene_pool(parents, needed=2)
    assert {name for name, units in pool.genome.kept.items() if not units} == {FIRST, "blocks.0.a"}
    assert not pool.alive["blocks.0.b.weight"].any()
    mean = mean_dna([encode(parent, "cluster", "fisher") for parent in parents], parents, "fisher")
    assert mean.branches[FIRST].isfinite() and mean.branches[SECOND].isfinite()
    weights = mean_state(kind, own)
    assert weights.keys() == kind.model.state_dict().keys()
    assert torch.equal(weights["blocks.0.a.weight"], own[2].weights["blocks.0.a.weight"])  # the only one that has it


def test_a_branch_whose_death_breaks_the_proof_lives_on_with_all_it_had(kind):
    class Refusing:
        """In place of the prover: the second branch must not die."""

        def cut(self, anatomy, kept, base):
            return {SECOND: "it must not"} if kept[SECOND] != base[SECOND] else {}

    strict = dataclasses.replace(kind, prover=Refusing())
    parent = genome(kind, **{"blocks.1.a": [1, 2, 5]})
    left, broken = proven(strict, genome(kind, [SECOND, THIRD]), parent)
    assert broken == {SECOND: "it must not"}
    assert (left.kept[SECOND], left.kept["blocks.1.a"], left.kept[THIRD]) == ([0], [1, 2, 5], [])
    assert left.synapses["blocks.1.b.weight"].any() and not left.synapses["blocks.2.b.weight"].any()


@pytest.mark.parametrize(
    ("kept", "words"),
    [
        ({"blocks.1.a": []}, "it keeps 0 clusters of blocks.1.a, and blocks.1/branch, in which they lie, lives"),
        ({SECOND: [1]}, "a branch lives"),
        ({"stem": []}, "it keeps no cluster of stem"),
    ],
)
def test_an_individual_with_half_a_branch_is_refused(kind, tmp_path, kept, words):
    own = individual(kind, genome(kind))
    damaged = dataclasses.replace(own, genome=dataclasses.replace(own.genome, kept={**own.genome.kept, **kept}))
    with pytest.raises(DamagedError, match=words):
        check_fits(damaged, kind.anatomy, tmp_path)


def test_a_run_lets_branches_die_and_is_replayed(tmp_path):
    given = {
        **{"ancestor": NAME, "task": "digits", "allocation": "shape", "branches": True, "round_to": 2},
        **{"keep": 1, "keep_clusters": 0.6, "max_macs": 20_000, "min_accuracy": 0},
        **{"ancestor_epochs": 1, "epochs": 1, "final_epochs": 1, "generations": 5, "offspring": 1},
    }
    run = evolve(tmp_path / "run", resolve(None, given))
    best = run.load(run.outcome()["best"])
    dead = [name for name, units in best.genome.kept.items() if name.endswith("/branch") and not units]
    assert dead and best.record.census.macs <= 20_000
    assert any(record.synthesis.get("dead_branches") for record in run.records())
    for name in dead:
        assert not any(weight.startswith(name.removesuffix("/branch") + ".") for weight in best.weights)
    assert not replay(run, best.record.name).difference
    page = write_report(run).read_text()
    assert "Branches that died" in page and all(name in page for name in dead)
    to_onnx(edgesynth.load(tmp_path / "run"), (1, 28, 28), tmp_path / "small.onnx")
    kinds = Counter(node.op_type for node in onnx.load(str(tmp_path / "small.onnx")).graph.node)
    assert kinds["Conv"] == 1 + 2 * (3 - len(dead)) and kinds["Add"] == 3 - len(dead)
    kept = json.loads((tmp_path / "run" / "individuals" / best.record.name / "genome.json").read_text())["clusters"]
    assert all(kept[name] == [] for name in dead)


def test_branches_need_a_shape(tmp_path):
    with pytest.raises(UserError, match="--branches"):
        given = {"ancestor": NAME, "task": "digits", "branches": True, "max_macs": 30_000}
        evolve(tmp_path / "run", resolve(None, given))
    assert not (tmp_path / "run").exists()


def test_a_run_whose_ancestor_alone_is_bred_cannot_go_on_with_branches():
    given = {"ancestor": NAME, "task": "digits", "allocation": "shape", "branches": False, "max_macs": 30_000}
    config = resolve(None, given)
    assert not has_same_ancestor(config, config.model_copy(update={"branches": True}))
