"""How a run raises its individuals: inheritance, stress, running statistics, death, and what each part of it took."""

import json
import shutil
from dataclasses import replace

import pytest
import torch
from torch import nn

from edgesynth.errors import UserError
from edgesynth.evolution import Evolution, Progress, evolve
from edgesynth.evolution.offspring import genome_sampler
from edgesynth.evolution.offspring.breeding import Breeder
from edgesynth.evolution.place import Place
from edgesynth.lineage import Individual, Record, Run, generator, resolve, species
from edgesynth.nurture import Recipe, Teacher, reestimate, score
from edgesynth.tasks import Classification, Split, load_task

FIRST = Place(1, 0, ("g000-c0",))
KEEP = {
    "ancestor": "test_upbringing:Normed",
    "keep": 0.5,
    "strength": "magnitude",
    "generations": 2,
    "ancestor_epochs": 1,
    "epochs": 1,
    "final_epochs": 1,
}


@pytest.fixture(scope="module")
def task():
    """A third of the digits."""
    digits = load_task("digits")
    return replace(digits, train=Split(*(tensor[:384] for tensor in digits.train)))


class Normed(nn.Sequential):
    """A small network with running statistics."""

    def __init__(self):
        super().__init__(
            nn.Conv2d(1, 12, 5, stride=3),
            nn.BatchNorm2d(12),
            nn.ReLU(),
            nn.Conv2d(12, 8, 3),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(288, 10),
        )


@pytest.fixture(scope="module")
def kind(task):
    return species("test_upbringing:Normed", task, 0)


def breeder(kind, task, **given):
    return Breeder(resolve(None, {**KEEP, **given}), kind, task, Progress())


@pytest.fixture(scope="module")
def ancestor(kind, task):
    return breeder(kind, task, ancestor_epochs=6, inheritance="rewound").ancestor()


def child(kind, task, ancestor, **given):
    mother = breeder(kind, task, **given)
    mother.teacher = Teacher(kind.removed(ancestor), task)
    mother.rewind = ancestor.rewind
    return mother.offspring([ancestor], FIRST)


def living(kind, individual, name, whole):
    """A tensor of the ancestor's size as removal and the genome's mask leave it to an individual."""
    mask = individual.genome.synapses.get(name)
    return kind.plan(individual.genome).cut(name, whole if mask is None else whole * mask)


def test_a_heritable_offspring_begins_with_its_parent_s_weights(kind, task, ancestor):
    born = child(kind, task, ancestor, epochs=0)
    for name in ("0.weight", "3.weight", "6.weight"):
        assert torch.equal(born.weights[name], living(kind, born, name, ancestor.weights[name]))


def test_a_rewound_one_begins_with_the_ancestor_s_early_weights_as_the_file_holds_them(tmp_path, kind, task, ancestor):
    run = Run.create(tmp_path / "run", resolve(None, KEEP))
    run.save(ancestor)
    early = run.rewind()
    assert early.keys() == ancestor.weights.keys()
    assert not torch.equal(early["0.weight"], kind.model[0].weight)
    assert not torch.equal(early["0.weight"], ancestor.weights["0.weight"])
    born = child(kind, task, replace(ancestor, rewind=early), epochs=0, inheritance="rewound")
    for name in ("0.weight", "3.weight", "6.weight"):
        assert torch.equal(born.weights[name], living(kind, born, name, early[name]))


def test_a_newborn_begins_with_fresh_weights_of_its_own_place(kind, task, ancestor):
    mother = breeder(kind, task, epochs=0, inheritance="newborn")
    mother.teacher = Teacher(kind.removed(ancestor), task)
    first, again, sibling = (mother.offspring([ancestor], replace(FIRST, child=number)) for number in (0, 0, 1))
    weight = first.weights["0.weight"]
    assert torch.equal(weight, again.weights["0.weight"])
    assert not torch.equal(weight, sibling.weights["0.weight"][: len(weight)])
    assert not torch.equal(weight, living(kind, first, "0.weight", ancestor.weights["0.weight"]))
    assert not torch.equal(weight, living(kind, first, "0.weight", kind.model[0].weight.detach()))
    assert weight.abs().max() <= 1 / 5  # U(-1/sqrt(fan-in), 1/sqrt(fan-in))


def test_what_meets_every_budget_can_begin_otherwise_than_what_led_to_it(kind, task, ancestor):
    given = {"epochs": 0, "final_epochs": 0, "final_inheritance": "newborn"}
    still_large = child(kind, task, ancestor, max_synapses=1, generations=9, **given)
    grown = child(kind, task, ancestor, max_synapses=10**9, **given)
    for name in ("0.weight", "3.weight", "6.weight"):
        assert torch.equal(still_large.weights[name], living(kind, still_large, name, ancestor.weights[name]))
        assert not torch.equal(grown.weights[name], living(kind, grown, name, ancestor.weights[name]))


def test_only_rewound_offspring_make_the_ancestor_keep_its_early_weights(tmp_path, kind, task, ancestor):
    plain = breeder(kind, task, ancestor_epochs=6).ancestor()
    assert plain.rewind is None and ancestor.rewind is not None
    assert all(torch.equal(tensor, ancestor.weights[name]) for name, tensor in plain.weights.items())
    run = Run.create(tmp_path / "run", resolve(None, KEEP))
    run.save(plain)
    assert not (run.folder("g000-c0") / "rewind.safetensors").exists()
    with pytest.raises(UserError, match=r"rewind\.safetensors is damaged: individual\.json knows of no such file"):
        run.rewind()


def test_an_offspring_without_nurture_has_running_statistics_of_its_own(kind, task, ancestor):
    fresh = child(kind, task, ancestor, epochs=0)
    stale = child(kind, task, ancestor, epochs=0, reestimate=False)
    assert torch.equal(
        stale.weights["1.running_var"],
        kind.plan(stale.genome).cut("1.running_var", ancestor.weights["1.running_var"]),
    )
    network = kind.removed(stale)
    reestimate(network, task, generator(0, 1, 0, "running statistics"))
    assert torch.equal(network[1].running_var, fresh.weights["1.running_var"])
    assert not torch.allclose(fresh.weights["1.running_var"], stale.weights["1.running_var"], rtol=0.02)
    assert torch.equal(fresh.weights["0.weight"], stale.weights["0.weight"])


def test_a_coming_parent_is_stressed_and_says_how_often_and_the_last_generation_is_spared(kind, task, ancestor):
    plain, stressed = child(kind, task, ancestor), child(kind, task, ancestor, stress="both", stress_factor=0.5)
    assert stressed.record.nurture["strikes"] >= 1 and "strikes" not in plain.record.nurture
    assert stressed.genome.kept == plain.genome.kept
    assert not torch.equal(stressed.weights["3.weight"], plain.weights["3.weight"])
    dead = ~kind.plan(stressed.genome).cut("3.weight", stressed.genome.synapses["3.weight"])
    assert dead.any() and (stressed.weights["3.weight"][dead] == 0).all()

    grown, spared = (child(kind, task, ancestor, generations=1, **given) for given in ({}, {"stress": "both"}))
    assert grown.record == spared.record
    assert torch.equal(grown.weights["3.weight"], spared.weights["3.weight"])


def test_the_average_is_what_an_offspring_keeps(kind, task, ancestor):
    plain, averaged = child(kind, task, ancestor), child(kind, task, ancestor, ema=0.99)
    assert averaged.record.nurture == plain.record.nurture
    assert not torch.equal(plain.weights["3.weight"], averaged.weights["3.weight"])


def test_weight_decay_is_the_configuration_s(kind, task, ancestor):
    """AdamW takes (1 - rate * decay) of a weight at every step before the gradient's: 2e-3 on average half, 3 steps."""
    weak, strong = child(kind, task, ancestor, weight_decay=0.0), child(kind, task, ancestor, weight_decay=1.0)
    ratio = (strong.weights["3.weight"].norm() / weak.weights["3.weight"].norm()).item()
    rates = [Recipe(1).rate(step, 3) for step in range(3)]
    assert ratio == pytest.approx(1 - sum(rates), abs=1e-3)


COLD = {"distillation_temperature": 1e-300}  # zero in float32: logits over it are infinite, their divergence is nan


def test_a_dead_offspring_has_a_record_and_the_weights_that_it_inherited(tmp_path, kind, task, ancestor):
    dead, unborn = child(kind, task, ancestor, **COLD), child(kind, task, ancestor, epochs=0)
    record = dead.record
    assert (record.validation, record.feasible, record.died) == (0.0, False, "the loss was nan in epoch 1")
    assert record.nurture == {"epochs": 0, "losses": [], "died": "the loss was nan in epoch 1"}
    assert record.census == unborn.record.census
    assert all(torch.equal(tensor, unborn.weights[name]) for name, tensor in dead.weights.items())

    run = Run.create(tmp_path / "run", resolve(None, KEEP))
    run.save(dead)
    assert run.load(record.name).record == record
    assert score(kind.removed(run.load(record.name)), task, task.validation) == pytest.approx(unborn.record.validation)


def test_a_living_sibling_is_chosen_before_a_dead_one_and_if_all_are_dead_the_run_stops(kind, task, ancestor):
    config = resolve(None, {**KEEP, "min_accuracy": 0.0})
    dead = child(kind, task, ancestor, **COLD).record
    alive = replace(child(kind, task, ancestor, min_accuracy=0.0).record, child=1)
    evolution = Evolution(config, ancestor.record)
    assert evolution.tell([dead, alive]) == alive
    assert not evolution.stopped
    evolution = Evolution(config, ancestor.record)
    evolution.tell([dead, replace(dead, child=1)])
    assert evolution.stopped == "death" and evolution.ask() == []
    assert evolution.reason == (
        "all 2 offspring of generation 1 died in their nurture (g001-c0: the loss was nan in epoch 1); "
        "lower --learning-rate"
    )


def test_an_ancestor_that_runs_away_is_the_user_s_to_mend(kind, task):
    class Runaway(Classification):
        def loss(self, outputs, labels):
            return outputs.sum() * torch.inf

    runaway = Runaway(task.name, task.train, task.validation, task.load_test, task.labels)
    with pytest.raises(UserError, match=r"the ancestor cannot be trained: the loss was .* lower --learning-rate"):
        breeder(kind, runaway).ancestor()


def test_measured_json_has_the_seconds_of_each_part_and_where_they_were_spent(tmp_path):
    config = resolve(None, {**KEEP, "ancestor_epochs": 4, "generations": 1, "offspring": 1, "min_accuracy": 0})
    run = evolve(tmp_path / "run", config)
    figures = run.measured("g001-c0")
    parts = [figures[part] for part in ("synthesis_s", "nurture_s", "bookkeeping_s")]
    assert all(part > 0 for part in parts)
    assert sum(parts) == pytest.approx(figures["breeding_s"], rel=0.05, abs=0.05)
    assert figures["device"] in ("cpu", "cuda") and figures["autocast"] in ("none", "bf16")
    parts = {"breeding_s", "nurture_s", "bookkeeping_s", "device", "autocast"}
    assert run.measured("g000-c0").keys() == parts
    assert not {"synthesis_s", "device"} & json.loads((run.folder("g001-c0") / "individual.json").read_text()).keys()


def test_a_run_of_rewound_offspring_goes_on_from_its_files_to_the_same_bits(tmp_path):
    config = resolve(None, {**KEEP, "inheritance": "rewound", "stress": "clusters", "ema": 0.9, "min_accuracy": 0})
    whole = evolve(tmp_path / "whole", config)
    part = Run(shutil.copytree(whole.path, tmp_path / "part"), config)
    for name in ("g001-c1", "g002-c0", "g002-c1"):
        for file in part.folder(name).iterdir():
            file.unlink()
    resumed = evolve(tmp_path / "part", config, resume=True)
    for name in whole.names():
        for file in ("individual.json", "genome.json", "weights.safetensors"):
            assert (whole.folder(name) / file).read_bytes() == (resumed.folder(name) / file).read_bytes()


def test_individuals_without_the_new_fields_still_load():
    """Records of runs that were made before."""
    record = Record(1, 0, ("g000-c0",), 97.0, True, None, {}, {"epochs": 3, "losses": [0.1]})
    assert record.died == "" and Individual(record, None, {}).rewind is None


@pytest.mark.parametrize("strength", ["fisher", "taylor"])
def test_a_parent_is_measured_once_for_all_its_offspring_of_a_generation(kind, task, ancestor, strength, monkeypatch):
    measured = []
    for name in ("squared_gradients", "cluster_products"):
        real = getattr(genome_sampler, name)
        monkeypatch.setattr(
            genome_sampler, name, lambda *given, real=real, name=name: measured.append(name) or real(*given)
        )
    places = [Place(generation, number, ("g000-c0",)) for generation in (1, 2) for number in (0, 1, 2)]

    mother = breeder(kind, task, strength=strength).sampler
    drawn = [mother.draw([replace(ancestor)], place)[0] for place in places]  # each round reads it anew
    assert measured.count("squared_gradients") == 2
    assert measured.count("cluster_products") == (2 if strength == "taylor" else 0)

    for place, genome in zip(places, drawn, strict=True):
        alone = breeder(kind, task, strength=strength).sampler.draw([ancestor], place)[0]
        assert genome.kept == alone.kept
        assert all(torch.equal(genome.synapses[weight], alone.synapses[weight]) for weight in alone.synapses)
