"""Defaults that depend on other options: what a budget of latency on a known machine is bred by."""

import pytest

from edgesynth.benchmark.conditions.vector_width import vector_floats
from edgesynth.boards.channel_multiples import Multiples
from edgesynth.config import EvolveOptions, resolve
from edgesynth.dependent_defaults import IN_WORDS, MACHINE_BUDGETS
from edgesynth.evolution import begun_with
from edgesynth.evolution.budgets import BUDGETS
from edgesynth.evolution.budgets.machine import Machine
from edgesynth.evolution.preflight.options import check_options
from edgesynth.evolution.preflight.rounding import rounding_note
from edgesynth.lineage import Run, with_vector_floats
from edgesynth.lineage.run_directory.ancestor_key import bred_by

TIMED = {"board": "tx2", "max_latency_ms": 3.0}


def shape_of(**given):
    config = resolve(None, given)
    if config.latency_ratio is None:  # else milliseconds take its place before the check
        check_options(config)
    return config.allocation, config.branches


def test_the_budgets_of_a_machine_are_those_of_the_registry_and_ratios():
    on_board = {budget.option.removeprefix("--").replace("-", "_") for budget in BUDGETS.values() if budget.on_board}
    assert {*MACHINE_BUDGETS} == {*on_board, "speedup", "max_latency"}
    assert {*MACHINE_BUDGETS, *IN_WORDS} <= EvolveOptions.__annotations__.keys()


@pytest.mark.parametrize("board", ["tx2", "local", "mine.json"])
@pytest.mark.parametrize("budget", MACHINE_BUDGETS)
def test_a_budget_of_a_known_machine_is_met_by_widths_and_branches(board, budget):
    assert shape_of(board=board, **{budget: "0.5x" if budget == "max_latency" else 3.0}) == ("shape", True)


def test_the_fastest_network_of_a_known_machine_is_looked_for_by_widths_and_branches():
    assert shape_of(board="tx2", objective="latency", max_loss=1.0) == ("shape", True)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"board": "tx2", "max_macs": 10**6},  # no time is asked for
        {"max_latency_ms": 3.0, "measure_on": "local"},  # nothing knows the times of layers
        {**TIMED, "encoding": "synapse"},
        {**TIMED, "environment": "faithful", "strength": "magnitude"},
        {**TIMED, "keep_clusters": 1.0},
        {**TIMED, "strategy": "generative"},
    ],
    ids=str,
)
def test_without_such_a_budget_or_where_no_clusters_are_drawn_it_is_strength(given):
    assert shape_of(**given) == ("strength", False)


def test_what_is_given_is_taken():
    assert shape_of(**TIMED, allocation="strength") == ("strength", False)
    assert shape_of(**TIMED, allocation="budgets") == ("budgets", False)
    assert shape_of(**TIMED, branches=False) == ("shape", False)
    assert shape_of(allocation="shape", max_macs=10**6) == ("shape", True)
    assert shape_of(allocation="shape", max_macs=10**6, branches=False) == ("shape", False)


def test_a_file_may_hold_the_budget_and_the_resolved_options_are_written(tmp_path):
    (tmp_path / "run.toml").write_text('board = "tx2"\n')
    config = resolve(tmp_path / "run.toml", {"speedup": 2.0})
    assert 'allocation = "shape"\nbranches = true\n' in config.to_toml()
    (tmp_path / "run.toml").write_text('board = "tx2"\nallocation = "macs"\n')
    assert resolve(tmp_path / "run.toml", {"speedup": 2.0}).allocation == "macs"


def test_a_resumed_run_keeps_what_it_was_begun_with_unless_another_is_given():
    before = resolve(None, {**TIMED, "allocation": "strength"})
    assert resolve(None, TIMED, before) == before
    assert resolve(None, {**TIMED, "allocation": "shape"}, before).allocation == "shape"


def test_what_a_run_was_begun_with_is_read_from_its_directory(tmp_path):
    before = resolve(None, {**TIMED, "allocation": "strength"})
    assert begun_with(tmp_path / "run") is None
    Run.create(tmp_path / "run", before)
    assert begun_with(tmp_path / "run") == before
    (tmp_path / "run" / "config.toml").write_text("seed = 1\n")
    assert begun_with(tmp_path / "run") is None


def test_widths_without_a_machine_go_by_the_vectors_of_this_processor_and_the_run_keeps_them():
    counted = {"allocation": "shape", "max_macs": 10**6}
    config = with_vector_floats(resolve(None, counted))
    assert config.vector_floats == vector_floats() in (4, 8, 16)
    assert Machine(config).multiples == Multiples(vector_floats(), vector_floats())
    elsewhere = config.model_copy(update={"vector_floats": 2})
    assert with_vector_floats(elsewhere) == with_vector_floats(resolve(None, counted, elsewhere)) == elsewhere
    for given in ({}, {**counted, "round_to": 8}, TIMED, {**counted, "measure_on": "ssh://me@board"}):
        assert with_vector_floats(resolve(None, given)).vector_floats is None


def test_individuals_of_other_vectors_are_others():
    config = resolve(None, {"allocation": "shape", "max_macs": 10**6})
    narrow, wide = (bred_by(config.model_copy(update={"vector_floats": floats}), 1) for floats in (4, 8))
    assert narrow != wide and bred_by(config, 1) not in (narrow, wide)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"board": "agx-orin", "max_latency_ms": 3.0, "board_precision": "int8"}, "multiples of 32 (4 of grouped"),
        ({**TIMED, "branches": False, "round_to": 8}, "chooses widths (--allocation shape); --round-to 8: multiples"),
        (TIMED, "widths and branches (--allocation shape); --round-to auto: multiples of 4, for Jetson TX2 at fp16"),
        ({"allocation": "shape", "max_macs": 10**6}, "multiples of 8, the floats of a vector"),
    ],
    ids=str,
)
def test_what_widths_are_chosen_from_is_told(given, words):
    config = resolve(None, given)
    assert words in rounding_note(config, Machine(config))


def test_nothing_is_told_where_no_program_chooses():
    config = resolve(None, {**TIMED, "allocation": "macs"})
    assert rounding_note(config, Machine(config)) == ""
