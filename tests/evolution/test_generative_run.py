"""Generative synthesis as a whole: tiny runs on real digits."""

import itertools
import json
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch
import torch

from edgesynth.anatomy import Census, LayerCensus
from edgesynth.errors import UserError
from edgesynth.evolution import evolve, replay
from edgesynth.evolution.budgets.machine import Machine
from edgesynth.evolution.executors import build_executor
from edgesynth.evolution.generative import GenerativeEvolution
from edgesynth.evolution.generative.netscore import netscore_of
from edgesynth.evolution.offspring.initial_weights import reborn
from edgesynth.evolution.synthesis.strength.parent import alive_synapses
from edgesynth.export import export_individual
from edgesynth.lineage import Genome, Record, Run, generator, parse_individual, resolve, species, state
from edgesynth.report import write_report
from edgesynth.tasks import load_task
from tests.evolution import deadly_digits
from tests.evolution.untrained import QUICK
from tests.small_lenet import NAME

TINY = {
    "strategy": "generative",
    "ancestor": NAME,
    "task": deadly_digits.NAME,
    "ancestor_epochs": 8,
    "learning_rate": 1e-2,
    "generations": 4,
    "probes": 2,
    "epochs": 1,
    "final_epochs": 2,
    "min_accuracy": 60.0,
    "max_macs": 20_000,
}
KEPT = ("individual.json", "genome.json", "weights.safetensors", "generator.safetensors", "inquisitor.json")


def contents(path):
    """Every file that a resumed run must give again."""
    return {
        str(file.relative_to(path)): file.read_bytes()
        for file in sorted(path.rglob("*"))
        if file.name in (*KEPT, "outcome.json", "test.json")
    }


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    return evolve(tmp_path_factory.mktemp("generative") / "run", resolve(None, TINY))


@pytest.fixture
def breed(tmp_path, unbroken):
    """A run of other options, which goes on from the same ancestor."""

    def call(name="run", **given):
        run = Run.create(tmp_path / name, resolve(None, {**TINY, **given}))
        run.save(unbroken.load("g000-c0"))
        run.save_task(load_task(TINY["task"]).to_json())
        return evolve(run.path, run.config, resume=True)

    return call


def test_a_cycle_s_individual_is_its_best_feasible_network_and_inherits_from_the_one_before(unbroken):
    cycles = unbroken.records()[1:]
    assert [record.name for record in cycles] == [f"g{number:03d}-c0" for number in range(1, len(cycles) + 1)]
    for record, parent in zip(cycles, unbroken.records(), strict=False):
        facts = record.synthesis
        chosen = facts["probes"][facts["chosen"]]
        assert record.parents == (parent.name,) and record.feasible
        assert len(facts["probes"]) == 2 and facts["networks_probed"] == 2 * record.generation
        assert chosen["macs"] == record.census.macs <= chosen["target"]["macs"]
        assert facts["feasible_rate"] == pytest.approx(sum(probe["feasible"] for probe in facts["probes"]) / 2)
        assert chosen["performance_db"] == max(p["performance_db"] for p in facts["probes"] if p["feasible"])
        assert facts["performance_db"] == netscore_of(record.validation, record.census)
        own, inherited = (unbroken.load(each.name).genome.kept for each in (record, parent))
        assert all(set(own[name]) <= set(inherited[name]) for name in own)


def test_each_generator_s_networks_are_more_efficient_than_those_of_the_one_before(unbroken):
    ancestor, *cycles = unbroken.records()
    means = [
        sum(probe["performance_db"] for probe in record.synthesis["probes"]) / len(record.synthesis["probes"])
        for record in cycles
    ]
    assert len(means) > 1 and means == sorted(means)
    assert means[0] > netscore_of(ancestor.validation, ancestor.census)
    macs = [record.census.macs for record in (ancestor, *cycles)]
    assert macs == sorted(macs, reverse=True) and len(set(macs)) == len(macs)


def test_it_stops_when_the_budget_is_met_and_its_last_individual_had_the_final_nurture(unbroken):
    outcome, last = unbroken.outcome(), unbroken.records()[-1]
    assert outcome["best"] == last.name and last.census.macs <= 20_000
    assert outcome["stopped"] == "budget" and last.nurture["epochs"] == 2
    assert all(record.nurture["epochs"] == 1 for record in unbroken.records()[1:-1])


def test_what_meets_its_budget_only_by_rounding_has_the_final_nurture_too(breed):
    given = {"max_macs": None, "max_synapses": 13_000, "keep": 0.9, "precision": "int2", "min_accuracy": 0.0}
    run = breed(**given, final_epochs=3)
    last = run.records()[-1]
    assert run.outcome()["stopped"] == "budget" and last.generation < TINY["generations"]
    assert min(probe["target"]["synapses"] for probe in last.synthesis["probes"]) > 13_000
    assert last.nurture["epochs"] == 3 and last.nurture["first"]["epochs"] == 1


def synapses_of(run, kind, name):
    return alive_synapses(kind.anatomy, run.load(name).genome)


def test_probes_are_trained_without_the_synapses_that_their_parent_lacks(tmp_path, unbroken):
    """Without a nurture after the short one, clearing synapses that had grown would change the chosen network."""
    given = {**TINY, "generations": 1, "probe_epochs": 2, "epochs": 0, "final_epochs": 0, "min_accuracy": 0.0}
    run, ancestor = Run.create(tmp_path / "run", resolve(None, given)), unbroken.load("g000-c0")
    kind = species(NAME, load_task("digits"), 0)
    alive = {"fc1.weight": torch.rand(128, 128, generator=torch.Generator().manual_seed(1)) < 0.5}
    genome = Genome(ancestor.genome.kept, alive)
    weights = {**ancestor.weights, "fc1.weight": ancestor.weights["fc1.weight"] * alive["fc1.weight"]}
    record = replace(ancestor.record, census=genome.census(kind.anatomy))
    run.save(replace(ancestor, record=record, genome=genome, weights=weights))
    run.save_task(load_task("digits").to_json())
    evolve(run.path, run.config, resume=True)
    child = run.load("g001-c0")
    facts, left = child.record.synthesis, synapses_of(run, kind, "g001-c0")["fc1.weight"]
    assert child.record.validation == facts["probes"][facts["chosen"]]["validation"]
    assert left.any() and not (left & ~alive["fc1.weight"]).any()
    assert int((child.weights["fc1.weight"] != 0).sum()) == child.record.census.layers[2].synapses == left.sum()


def test_a_synapse_that_rounded_to_zero_is_dead_in_all_that_come_after(breed, tmp_path):
    given = {"max_macs": None, "max_synapses": 1_000, "precision": "int3", "min_accuracy": 0.0}
    run = breed(**given, generations=2, search="random")
    kind, names = species(NAME, load_task("digits"), 0), [record.name for record in run.records()]
    assert len(names) == 3 and run.record("g001-c0").nurture["underflowed_synapses"] > 100
    for parent, child in itertools.pairwise(names):
        before, after = synapses_of(run, kind, parent), synapses_of(run, kind, child)
        assert not any((after[name] & ~before[name]).any() for name in before)
        targets = [probe["target"]["synapses"] for probe in run.record(child).synthesis["probes"]]
        counts = [probe["synapses"] for probe in run.record(child).synthesis["probes"]]
        # Each lands just below its target, counted as its parent was: what the parent lost is not asked for again.
        assert all(0.9 * target < count <= target for count, target in zip(counts, targets, strict=True))
        assert max(targets) <= run.record(parent).census.synapses
    assert replay(run, "g002-c0").difference == ""
    shutil.copytree(run.path, tmp_path / "again")
    shutil.rmtree(tmp_path / "again/individuals/g002-c0")
    (tmp_path / "again/outcome.json").unlink()
    evolve(tmp_path / "again", run.config, resume=True)
    assert contents(tmp_path / "again") == contents(run.path)


def test_its_networks_can_begin_with_fresh_weights_and_so_can_the_last(breed):
    fresh = {"generations": 1, "probe_epochs": 0, "final_epochs": 0, "min_accuracy": 0.0, "keep": 0.9}
    run = breed("last", **fresh, final_inheritance="newborn")
    kind, last = species(NAME, load_task("digits"), 0), run.load("g001-c0")
    newborn = state(reborn(kind, last.genome, generator(0, 1, 0, "newborn")))
    assert all(torch.equal(newborn[name], tensor) for name, tensor in last.weights.items())
    probes = [
        breed(inheritance, **fresh, inheritance=inheritance).record("g001-c0").synthesis["probes"]
        for inheritance in ("heritable", "newborn")
    ]
    inherited, untrained = ([probe["validation"] for probe in facts] for facts in probes)
    assert min(inherited) > max(untrained)


def test_the_inquisitor_has_heard_every_network_and_moved_the_generator_within_the_trust_region(unbroken):
    last = unbroken.records()[-1]
    seen = json.loads((unbroken.folder(last.name) / "inquisitor.json").read_text())
    assert len(seen["rows"]["network"]) == last.synthesis["networks_probed"]
    assert len(seen["rows"]["ablation"]) == 24 * (last.synthesis["networks_probed"] + last.generation)
    assert seen["weights"].keys() > {"taylor", "cost", "share of fc1"} and any(seen["weights"].values())
    first = safetensors.torch.load_file(unbroken.folder("g001-c0") / "generator.safetensors")
    second = safetensors.torch.load_file(unbroken.folder("g002-c0") / "generator.safetensors")
    for name in ("conv1", "conv2", "fc1"):
        step = (second[f"logits.{name}"] - first[f"logits.{name}"]).abs()
        assert 0 < step.max() <= 0.5 and first[f"logits.{name}"].abs().max() > 0


def test_a_run_killed_within_a_cycle_resumes_to_the_same_bits(edgesynth, tmp_path, unbroken):
    options = [part for name, value in TINY.items() for part in (f"--{name.replace('_', '-')}", str(value))]
    first = Path("run/individuals/g001-c0/individual.json")
    killed = edgesynth("evolve", *options, "--run", "run", cwd=tmp_path, env={deadly_digits.AFTER: str(first)})
    before = contents(tmp_path / "run")
    assert killed.returncode == -signal.SIGKILL and (tmp_path / first).exists()
    assert not any("g002" in name for name in before)

    evolve(tmp_path / "run", unbroken.config, resume=True)
    after = contents(tmp_path / "run")
    assert after == contents(unbroken.path)
    assert {name: after[name] for name in before if "g001" in name or "g000" in name} == {
        name: before[name] for name in before if "g001" in name or "g000" in name
    }
    assert sum(name.endswith("generator.safetensors") for name in after) == len(unbroken.records()) - 1


def test_a_cycle_whose_memory_is_lost_is_refused_with_what_to_breed_again(tmp_path, unbroken):
    shutil.copytree(unbroken.path, tmp_path / "run")
    shutil.rmtree(tmp_path / "run/individuals/g002-c0")
    (tmp_path / "run/individuals/g001-c0/generator.safetensors").unlink()
    with pytest.raises(UserError, match=r"generator.safetensors is damaged: it is missing; breed this one again: mv"):
        evolve(tmp_path / "run", unbroken.config, resume=True)


def test_a_replay_gives_the_memory_again_and_finds_what_was_changed_in_it(tmp_path, unbroken):
    shutil.copytree(unbroken.path, tmp_path / "run")
    run = Run.open(tmp_path / "run")
    assert replay(run, "g001-c0").difference == ""
    inquisitor = run.folder("g001-c0") / "inquisitor.json"
    inquisitor.write_bytes(inquisitor.read_bytes()[:-2] + b" }\n")
    assert "inquisitor.json differs from byte " in replay(run, "g001-c0").difference


def test_export_and_report_work_on_it_as_on_any_run(tmp_path, unbroken):
    shutil.copytree(unbroken.path, tmp_path / "run")
    run, best = Run.open(tmp_path / "run"), unbroken.records()[-1]
    assert parse_individual(str(run.path))[1] == best.name
    bundle = export_individual(run, best.name, run.path / "bundles" / "best")
    assert bundle.ledger and bundle.ledger.hops[2].max_rel < 1e-4
    page = write_report(run).read_text()
    assert best.name in page and "meets every budget" in page


@pytest.mark.parametrize("search", ["random", "cross-entropy"])
def test_the_controls_probe_as_many_networks_and_know_no_inquisitor(breed, search):
    run = breed(search=search, generations=2)
    for record in run.records()[1:]:
        folder = run.folder(record.name)
        assert json.loads((folder / "inquisitor.json").read_text())["rows"] == {"ablation": [], "network": []}
        assert len(record.synthesis["probes"]) == 2
    logits = safetensors.torch.load_file(run.folder("g002-c0") / "generator.safetensors")["logits.fc1"]
    assert (logits == 0).all() if search == "random" else logits.unique().numel() > 1


def test_a_budget_out_of_reach_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(UserError, match=r"--max-synapses is 50; .*raise the budget"):
        evolve(tmp_path / "run", resolve(None, {"strategy": "generative", "max_synapses": 50}))
    assert list(tmp_path.iterdir()) == []


def test_a_predicted_latency_is_a_budget_that_it_stops_at(tmp_path):
    given = {"max_latency_ms": 0.57, "strategy": "generative", "search": "random", "probes": 2, "probe_epochs": 0}
    config = resolve(None, {**QUICK, "ancestor": "lenet5", **given})
    run = evolve(tmp_path / "run", config)
    outcome, machine = run.outcome(), Machine(config, species(config.ancestor, load_task("digits"), 0).anatomy)
    best = run.record(outcome["best"])
    assert outcome["stopped"] == "budget" and "predicted 0.5" in outcome["reason"]
    assert machine.predict(run.record("g000-c0").census).latency_ms > 0.57
    assert machine.predict(best.census).latency_ms <= 0.57
    for probe in best.synthesis["probes"]:
        assert probe["latency_ms"] <= probe["target"]["latency_ms"]


def test_executors_that_share_a_generation_out_are_refused(tmp_path):
    with pytest.raises(UserError, match="nothing to share out; use --executor process"):
        evolve(tmp_path / "run", resolve(None, {"strategy": "generative"}), executor=build_executor("ray"))
    assert list(tmp_path.iterdir()) == []


def record(generation, validation, macs, feasible=True):
    census = Census((LayerCensus("layer", (macs, 1), macs, macs, macs, macs),), macs, 4 * macs)
    return Record(generation, 0, () if generation == 0 else ("g000-c0",), validation, feasible, census)


def evolution(**options):
    return GenerativeEvolution(resolve(None, {"min_accuracy": 90.0, **options}), record(0, 99.0, 1_000_000))


def test_an_infeasible_individual_is_not_inherited_from():
    told = evolution()
    told.tell([record(1, 95.0, 500_000)])
    told.tell([record(2, 80.0, 1000, feasible=False)])
    (place,) = told.ask()
    assert (place.generation, place.child, place.parents) == (3, 0, ("g001-c0",))
    assert told.best.name == "g001-c0"


def test_three_cycles_without_a_better_score_are_the_end():
    told = evolution(generations=50)
    for generation, validation in ((1, 95.0), (2, 94.0), (3, 93.0), (4, 95.5)):
        told.tell([record(generation, validation, 500_000)])
        assert not told.stopped
    for generation in (5, 6, 7):
        assert told.ask()
        told.tell([record(generation, 94.0, 500_000, feasible=generation != 6)])
    assert told.stopped == "performance" and told.ask() == []
    assert told.best.name == "g004-c0" and "g004-c0" in told.reason


def test_the_best_meets_the_budget_even_where_another_has_the_higher_score():
    told = evolution(max_macs=600_000, generations=50)
    told.tell([record(1, 99.0, 700_000)])
    told.tell([record(2, 80.0, 500_000, feasible=False)])
    assert not told.stopped and told.best.name == "g001-c0"
    told.tell([record(3, 90.0, 600_000)])
    assert told.stopped == "budget" and told.best.name == "g003-c0"
    assert netscore_of(99.0, told.line[1].census) > netscore_of(90.0, told.line[2].census) + 0.1
