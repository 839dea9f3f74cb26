"""Options that have no effect without others, refused by name."""

from types import SimpleNamespace

import pytest

from edgesynth.errors import UserError
from edgesynth.evolution.preflight.options import NEEDS, check_options, check_taught
from edgesynth.lineage import Config, resolve
from edgesynth.tasks import load_task

# What is idle, and what gives it an effect.
IDLE = [
    ({"search": "random"}, {"strategy": "generative"}),
    ({"probes": 4}, {"strategy": "generative"}),
    ({"probe_epochs": 2}, {"strategy": "generative"}),
    ({"temperature": 0.5, "environment": "faithful", "strength": "magnitude"}, {"environment": "calibrated"}),
    ({"temperature": 0.5, "strength": "random"}, {"strength": "magnitude"}),
    ({"temperature": 0.5, "strength": "random"}, {"variation": 0.5}),
    ({"keep_clusters": 0.5, "encoding": "synapse"}, {"encoding": "cluster"}),
    ({"variation": 1.0, "keep_clusters": 1.0}, {"keep_clusters": 0.9}),
    ({"allocation": "macs", "keep_clusters": 1.0}, {"keep_clusters": 0.9}),
    ({"layer_precision": "conv1=fp32"}, {"precision": "fp16"}),
    ({"stress": "both", "generations": 1}, {"generations": 2}),
    ({"stress": "both", "epochs": 0}, {"epochs": 1}),
    ({"selection": "pareto", "offspring": 1}, {"offspring": 2}),
    ({"mating": "intersection"}, {"parents": 2}),
    ({"quorum": 0.2}, {"parents": 2}),
    ({"quorum": 0.2, "mating": "intersection", "parents": 2}, {"mating": "quorum"}),
    ({"survivors": 9}, {"proxy_epochs": 1}),
    ({"stress_factor": 0.5}, {"stress": "both"}),
    ({"stress_tail": 0.5}, {"stress": "decay"}),
    ({"distillation_temperature": 2.0, "distillation": 0.0}, {"distillation": 0.1}),
    ({"precision_at": "end"}, {"layer_precision": "conv1=int8"}),
    ({"precision_at": "end"}, {"precision": "fp16"}),
    ({"precision_at": "end", "layer_precision": "conv1=fp32"}, {"precision": "fp16"}),
    ({"board_precision": "fp32"}, {"board": "tx2"}),
    ({"board_precision": "fp32"}, {"measure_on": "local"}),
    ({"measure_duration_s": 2.0}, {"measure_on": "local"}),
    ({"objective": "latency"}, {"board": "tx2"}),
    ({"objective": "latency"}, {"measure_on": "local"}),
    ({"objective": "latency", "board": "tx2", "keep_clusters": 1.0}, {"keep_clusters": 0.9}),
    ({"objective": "latency", "board": "tx2", "encoding": "synapse"}, {"encoding": "cluster"}),
    ({"epochs": 2, "objective": "latency", "board": "tx2"}, {"objective": "budgets"}),
    ({"stress": "both", "objective": "latency", "board": "tx2"}, {"objective": "budgets"}),
    ({"final_inheritance": "newborn", "objective": "latency", "board": "tx2"}, {"objective": "budgets"}),
    ({"branches": True}, {"allocation": "shape", "max_macs": 10**6}),
    ({"round_to": 4}, {"allocation": "shape", "max_macs": 10**6}),
    *(
        ({"strategy": "generative", **given}, {"strategy": "heredity"})
        for given in (
            {"strength": "magnitude", "normalizer": "percentile"},
            {"temperature": 0.5},
            {"variation": 1.0},
            {"parents": 2},
            {"selection": "pareto"},
            {"proxy_epochs": 1},
            {"patience": 1},
            {"stress": "decay"},
            {"branches": True, "allocation": "shape", "max_macs": 10**6},
        )
    ),
]


@pytest.mark.parametrize(("given", "more"), IDLE, ids=str)
def test_an_option_without_effect_is_refused_until_it_has_what_it_needs(given, more):
    with pytest.raises(UserError, match=r"--[a-z-]+ is .* and has no effect without --") as error:
        check_options(resolve(None, given))
    assert str(error.value).split()[0].removeprefix("--").replace("-", "_") in given
    check_options(resolve(None, {**given, **more}))


def test_every_option_of_the_table_is_one_that_was_seen_to_be_refused_or_to_need_another_of_it():
    named = {name for need in NEEDS for name in need.options}
    assert named <= Config.model_fields.keys()
    assert named <= {name for given, _ in IDLE for name in given}


def test_options_at_their_defaults_need_nothing():
    check_options(resolve(None, {}))
    check_options(resolve(None, {"strategy": "generative", "survivors": 1, "stress": "none", "quorum": 0.6}))


def test_generative_synthesis_lets_options_pass_that_scripts_share_with_heredity():
    shared = {"strength": "magnitude", "keep_clusters": 0.9}
    drawn, shared_out = {"allocation": "macs", "environment": "faithful"}, {"allocation": "budgets"}
    for others in (drawn, shared_out, {"encoding": "synapse"}):
        check_options(resolve(None, {"strategy": "generative", "offspring": 1, **shared, **others}))


def test_generative_synthesis_is_refused_where_its_first_step_would_be_none():
    with pytest.raises(UserError, match="keep is 1, the share of its size that the first cycle is to keep"):
        check_options(resolve(None, {"strategy": "generative", "keep": 1.0, "keep_clusters": 0.5}))


@pytest.mark.parametrize("strength", ["fisher", "taylor", "lamp"])
def test_the_papers_rule_is_refused_with_a_strength_that_only_ranks(strength):
    with pytest.raises(UserError, match=f"that of --strength {strength} only ranks: .* add --strength magnitude"):
        check_options(resolve(None, {"environment": "faithful", "strength": strength}))
    for chance in ("magnitude", "norm", "random"):
        check_options(resolve(None, {"environment": "faithful", "strength": chance}))
    check_options(resolve(None, {"strategy": "generative", "environment": "faithful"}))


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_this_machine_s_layers_are_timed_at_fp32_so_another_precision_must_be_measured(precision):
    given = {"board": "local", "max_latency_ms": 1.0, "board_precision": precision}
    with pytest.raises(UserError, match=f"timed at fp32, and --board-precision is {precision}; leave that out"):
        check_options(resolve(None, given))
    check_options(resolve(None, {**given, "measure_on": "local"}))
    check_options(resolve(None, {**given, "board_precision": "fp32"}))


def test_a_temperature_is_refused_where_answers_are_compared_as_plain_numbers():
    task, numbers = load_task("digits"), SimpleNamespace(name="boxes", teaching="numbers")
    given = resolve(None, {"distillation_temperature": 2.0})
    check_taught(given, task)
    check_taught(resolve(None, {}), numbers)
    with pytest.raises(UserError, match="temperature is 2 and answers of the task boxes are compared as plain numbers"):
        check_taught(given, numbers)
