"""`--objective latency`: generations get faster as long as the floor holds, and the fastest above it is the best."""

import pytest

from edgesynth.errors import UserError
from edgesynth.evolution import Place, Progress, evolve, replay
from edgesynth.evolution.budgets import Budgets
from edgesynth.evolution.fastest import FastestEvolution
from edgesynth.evolution.preflight.options import check_options
from edgesynth.evolution.strategy import build_evolution
from edgesynth.lineage import Config, Figures, resolve
from edgesynth.report import read_lineage
from edgesynth.report.page import render
from edgesynth.report.plots.front import front_plot
from edgesynth.report.plots.trade_off import trade_off
from tests.evolution.test_ask_and_tell import FLOOR, record
from tests.evolution.test_measuring import QUICK, Stopwatch, lineage
from tests.report.plots.test_plots import texts

AIM = {"objective": "latency", "measure_on": "local"}
FAST = {**QUICK, **AIM, "epochs": Config.model_fields["epochs"].default, "keep": 1, "keep_clusters": 0.7}


def fastest(latency_ms=10.0, **options):
    config = Config(min_accuracy=FLOOR, **{**AIM, **options})
    ancestor = record(Place(0, 0, ()), 99.0, 1000)
    budgets = Budgets(config)
    budgets.figures[ancestor.name] = figures(latency_ms)
    return build_evolution(config, ancestor, budgets)


def figures(latency_ms):
    return Figures("ab", "local", "fp32", latency_ms, (0.99 * latency_ms, 1.01 * latency_ms))


def told(state, *pairs):
    """Breed whom the evolution asks for: (accuracy, ms) of each; each generation has ten synapses less."""
    places = state.ask()
    bred = [
        record(place, accuracy, 900 - 10 * place.generation) for place, (accuracy, _) in zip(places, pairs, strict=True)
    ]
    for each, (_, latency_ms) in zip(bred, pairs, strict=True):
        if each in state.to_measure(bred):
            state.budgets.figures[each.name] = figures(latency_ms)
    return state.tell(bred)


class Heard(Progress):
    def __init__(self):
        self.lines = []

    def decision(self, line):
        self.lines.append(line)


def test_it_goes_on_until_the_floor_breaks_and_the_fastest_above_it_is_best():
    state = fastest(offspring=2)
    assert isinstance(state, FastestEvolution)
    told(state, (95, 7.0), (96, 8.0))
    assert not state.stopped and state.best.name == "g001-c0"  # faster, though less accurate than its sibling
    assert state.goes_on.startswith(
        "g001-c1, measured 8 ms (1.25x the ancestor's speed) at 96.00 %; it keeps the floor"
    )
    assert state.ask()[0].parents == ("g001-c1",)
    told(state, (80, 5.0), (85, 5.0))
    assert state.stopped == "accuracy" and state.best.name == "g001-c0"
    assert "below the floor of 90.00 %; the fastest that keeps the floor is g001-c0, measured 7 ms" in state.reason


def test_who_meets_the_budgets_ends_no_run_that_is_to_be_fast_and_is_before_who_does_not():
    state = fastest(offspring=2, generations=2, max_latency_ms=8.5)
    told(state, (95, 8.0), (94, 9.0))
    assert not state.stopped
    told(state, (93, 9.5), (92, 9.0))
    assert state.stopped == "generations" and state.best.name == "g001-c0"


def test_all_feasible_ones_are_measured_since_more_macs_may_be_faster():
    state = fastest(offspring=3)
    bred = [record(place, value, 900) for place, value in zip(state.ask(), [95, 93, 80], strict=True)]
    assert [each.name for each in state.to_measure(bred)] == ["g001-c0", "g001-c1"]


def test_a_generation_of_which_nothing_was_cut_ends_the_run():
    state = fastest(offspring=1)
    (place,) = state.ask()
    state.budgets.figures[place.name] = figures(9.0)
    state.tell([record(place, 99.0, 1000)])
    assert state.stopped == "latency" and state.reason.startswith("nothing of g000-c0 can be cut to make it faster")


def test_the_front_of_accuracy_and_latency_leaves_out_who_was_not_measured():
    state = fastest(offspring=3)
    told(state, (95, 7.0), (96, 7.0), (93, 6.0))
    assert state.fronts["latency_ms"] == ["g001-c2", "g001-c1", "g000-c0"]
    del state.budgets.figures["g001-c1"]
    assert state.fronts["latency_ms"] == ["g001-c2", "g001-c0", "g000-c0"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    heard = Heard()
    config = resolve(None, {**FAST, "generations": 3})
    path = tmp_path_factory.mktemp("fastest") / "run"
    return evolve(path, config, instrument=Stopwatch(), progress=heard), heard


def test_each_generation_is_drawn_to_be_faster_and_trained_to_the_end(run):
    run, heard = run
    bred = [record for record in run.records() if record.parents]
    known = {record.name: run.figures(record.name).latency_ms for record in run.records()}
    assert all(known[record.name] < known[record.parents[0]] for record in bred)
    assert all(record.nurture["epochs"] == run.config.final_epochs and record.nurture["grown"] for record in bred)
    outcome = run.outcome()
    assert known[outcome["best"]] == min(known[record.name] for record in bred)
    assert outcome["stopped"] == "generations" and f"is {outcome['best']}, measured" in outcome["reason"]
    assert len(heard.lines) == 2 and "generation 3 is to be faster" in heard.lines[1]


def test_the_front_is_kept_and_drawn(run):
    run, _ = run
    read = read_lineage(run)
    front = run.outcome()["front"]["latency_ms"]
    known = {record.name: (run.figures(record.name).latency_ms, record.validation) for record in run.records()}
    beaten = {
        name
        for name, (cost, gain) in known.items()
        if any(other != (cost, gain) and other[0] <= cost and other[1] >= gain for other in known.values())
    }
    assert front and not beaten & set(front) and front == [row.individual for row in read.fronts["latency_ms"]]
    assert sorted(known[name][0] for name in front) == [known[name][0] for name in front]
    assert "measured latency, ms (log scale)" in texts(trade_off(read, "latency_ms"))
    assert texts(front_plot(read)).count("measured latency, ms (log scale)") == 1
    assert "against size and latency" in render(run)


def test_it_is_replayed_and_resumed_to_the_same_bits(run, tmp_path):
    run, _ = run
    assert not replay(run, run.names()[-1]).difference
    broken, calls = tmp_path / "run", 0
    while not (broken / "outcome.json").exists():
        calls += 1
        try:
            evolve(broken, run.config, resume=broken.exists(), instrument=Stopwatch(lasts=3))
        except UserError as error:
            assert "the run is paused" in str(error)
    assert calls > 1 and lineage(type(run).open(broken)) == lineage(run)


@pytest.mark.parametrize("given", [{}, {"allocation": "shape", "round_to": 1}], ids=["strength", "shape"])
def test_a_predicted_latency_falls_by_a_step_a_generation(tmp_path, given):
    wide = {"ancestor": "lenet5", "ancestor_epochs": 0, "final_epochs": 0, "generations": 2, "offspring": 1}
    off = {"measure_on": None, "measure_duration_s": 1.0, "board": "tx2", "keep_clusters": 0.8}
    run = evolve(tmp_path / "run", resolve(None, {**FAST, **wide, **off, **given}))
    known = [run.measured(name)["predicted"]["latency_ms"] for name in run.names()]
    assert known[0] > known[1] > known[2]
    assert run.outcome()["front"]["latency_ms"] and "predicted" in run.outcome()["reason"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"measure_on": None, "measure_duration_s": 1.0}, "without --board or --measure-on"),
        ({"epochs": 1}, "--epochs is 1 and has no effect without --objective budgets"),
        ({"encoding": "synapse", "keep": 0.5, "keep_clusters": None}, "without --encoding cluster"),
        ({"strategy": "generative", "keep": 0.5}, "without --strategy heredity"),
        ({"keep": 0.5, "keep_clusters": 1}, "without --keep-clusters below 1"),
    ],
    ids=str,
)
def test_what_makes_no_sense_beside_it_is_refused(given, words):
    with pytest.raises(UserError, match=words):
        check_options(resolve(None, {**FAST, **given}))
    check_options(resolve(None, FAST))
