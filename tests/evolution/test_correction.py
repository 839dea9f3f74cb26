"""What a run measures corrects what it predicts: one factor, newest first, a function of what the run keeps."""

import math
import shutil

import pytest
from torch import nn

from edgesynth.errors import UserError
from edgesynth.evolution import Progress, evolve, replay
from edgesynth.evolution.budgets import Budgets
from edgesynth.evolution.budgets.correction import correction_of, predicted_amounts
from edgesynth.evolution.budgets.machine import Machine
from edgesynth.evolution.budgets.on_board import aim
from edgesynth.evolution.loop.measuring import correction_before
from edgesynth.lineage import Figures, Run, resolve
from edgesynth.report import read_lineage
from edgesynth.report.measured_rows import measured_rows
from edgesynth.report.page import render
from tests.evolution.test_measuring import QUICK, Stopwatch, lineage, on_machine

GIVEN = {**QUICK, "ancestor": f"{__name__}:perceptron", "keep": 1, "keep_clusters": 0.7, "allocation": "budgets"}

BUDGET = 28.0  # ms


def perceptron():
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 40), nn.ReLU(), nn.Linear(40, 10))


class Cache(Stopwatch):
    """1 us for each parameter, half as much again for a network that does not fit into the cache."""

    def __call__(self, network, input_shape, bred, known):
        figures = super().__call__(network, input_shape, bred, known)
        slower = 1.5 if figures.latency_ms > 30 else 1
        low, high = figures.latency_ms_95
        return Figures(
            *(figures.model_sha256, "local", "fp32", slower * figures.latency_ms, (slower * low, slower * high)),
            energy_reason="no meter",
        )


class Heard(Progress):
    def __init__(self):
        self.lines, self.notes = [], []

    def decision(self, line):
        self.lines.append(line)

    def note(self, line):
        self.notes.append(line)


def config(**given):
    return resolve(None, {**GIVEN, **given})


@pytest.fixture(scope="module")
def overshot(tmp_path_factory):
    """A run whose first prediction is half too high, because the ancestor alone misses the cache."""
    heard = Heard()
    given = {"max_latency_ms": BUDGET, "generations": 6}
    path = tmp_path_factory.mktemp("overshot") / "run"
    return evolve(path, config(**given), instrument=Cache(), progress=heard), heard


def test_a_measured_budget_is_landed_on_by_the_same_parents_once_the_prediction_is_corrected(overshot):
    run, heard = overshot
    landed = run.record(run.outcome()["best"])
    early = [run.figures(record.name) for record in run.records() if record.generation == 1]
    assert max(figures.latency_ms for figures in early if figures) < 0.9 * BUDGET
    assert landed.parents == ("g000-c0",) and landed.generation == 2
    assert 0.9 * BUDGET <= run.figures(landed.name).latency_ms <= BUDGET
    (line,) = heard.lines
    assert "far below the budget and than was predicted: measured at most" in line and "Generation 2 is drawn" in line


def test_the_record_says_what_was_predicted_and_by_what_correction(overshot):
    run, _ = overshot
    machine, measured = Machine(run.config), [(r, run.figures(r.name)) for r in run.records()]
    known = [(record, figures) for record, figures in measured if figures and record.generation < 2]
    record = run.record("g002-c0")
    assert record.synthesis["correction"] == correction_of(known, machine) == correction_before(run, 2, machine)
    seen = Machine(run.config, correction=record.synthesis["correction"])
    assert record.synthesis["predicted"] == predicted_amounts(record.census, seen)
    # By MACs, since nothing predicts; a tenth of the ancestor's say, which missed the cache.
    macs = [record.census.macs for record, _ in known]
    factors = [figures.latency_ms_95[1] / count for (_, figures), count in zip(known, macs, strict=True)]
    newest = sum(map(math.log, factors[1:]))
    expected = math.exp((math.log(factors[0]) * 0.1 + newest) / (0.1 + len(factors) - 1))
    assert record.synthesis["correction"]["latency_ms"] == pytest.approx(expected)


def test_an_overshot_run_is_replayed_and_resumed_to_the_same_bits(overshot, tmp_path):
    run, _ = overshot
    assert not replay(run, run.outcome()["best"]).difference
    path = tmp_path / "run"
    shutil.copytree(run.path, path)
    for name in ("g001-c1", "g002-c0", "g002-c1"):
        shutil.rmtree(path / "individuals" / name)
    (path / "outcome.json").unlink()
    assert lineage(evolve(path, run.config, resume=True, instrument=Cache())) == lineage(run)


def test_the_report_has_predicted_and_measured_side_by_side(overshot):
    run, _ = overshot
    rows = {row.individual: row for row in measured_rows(read_lineage(run))}
    best = run.outcome()["best"]
    figures, predicted = run.figures(best), run.record(best).synthesis["predicted"]["latency_ms"]
    assert rows[best].corrected_ms == predicted and rows[best].measured_ms == figures.latency_ms
    assert rows[best].measured_over_predicted_x == figures.latency_ms_95[1] / predicted
    assert rows["g000-c0"].correction_x is None and rows["g000-c0"].measured_over_predicted_x is None
    assert "Predicted and measured while it was bred" in render(run)


def test_a_ratio_is_one_to_the_measured_ancestor_and_the_lineage_that_of_the_milliseconds(tmp_path):
    ratio, whole = resolve(None, {**QUICK, "speedup": 3.0, "generations": 9}), None
    heard = Heard()
    run = evolve(tmp_path / "ratio", ratio, instrument=Stopwatch(), progress=heard)
    whole = run.figures("g000-c0").latency_ms
    assert run.outcome()["stopped"] == "budget" and f"of {whole / 3:.3g} ms" in run.outcome()["reason"]
    assert any(f"a budget of {whole / 3:.3g} ms by what was measured of g000-c0" in line for line in heard.lines)
    assert any("not trained yet, was measured on local: 3.53 ms" in line for line in heard.notes)
    assert run.config.max_latency_ms is None and Run.open(run.path).config == run.config
    assert not replay(run, run.outcome()["best"]).difference
    milliseconds = resolve(None, {**QUICK, "max_latency_ms": whole / 3, "generations": 9})
    same = evolve(tmp_path / "same", milliseconds, instrument=Stopwatch())
    assert [r.to_json() for r in same.records()] == [r.to_json() for r in run.records()]
    (run.path / "outcome.json").unlink()
    assert evolve(run.path, ratio, resume=True, instrument=Stopwatch()).outcome() == same.outcome()


def test_a_share_of_the_ancestor_s_latency_is_the_same_ratio(tmp_path):
    given = {**QUICK, "generations": 1, "offspring": 1, "epochs": 0, "final_epochs": 0, "ancestor_epochs": 0}
    run = evolve(tmp_path / "run", resolve(None, {**given, "max_latency": "0.4x"}), instrument=Stopwatch())
    assert resolve(None, {"max_latency": ".5x"}).latency_ratio == 2
    assert run.outcome()["reason"].endswith(f"of {0.4 * run.figures('g000-c0').latency_ms:.3g} ms")


@pytest.mark.parametrize("text", ["3ms", "1x", "0x", "1.5x", "0.4", "x", "-0.5x"])
def test_what_is_no_share_is_refused_with_the_form_that_is(text):
    with pytest.raises(UserError, match=r"--max-latency is .*; it must be a share of the ancestor's latency, above 0"):
        resolve(None, {"max_latency": text})


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"speedup": 2.0, "max_latency": "0.4x"}, "two ratios to the same latency; give one of them"),
        ({"speedup": 2.0, "max_latency_ms": 1.0}, "--speedup is 2 is a budget of latency and --max-latency-ms, 1, is"),
        ({"speedup": 900.0}, "and the smallest network that .* that is .* times as fast: ask for less"),
    ],
    ids=str,
)
def test_a_ratio_that_cannot_be_is_refused_before_anything_is_written(tmp_path, given, words):
    with pytest.raises(UserError, match=words) as why:
        evolve(tmp_path / "run", resolve(None, {**QUICK, **given}), instrument=Stopwatch())
    assert "\n" not in str(why.value) and not (tmp_path / "run").exists()


def test_on_this_machine_a_ratio_is_one_to_the_time_that_onnx_runtime_took(tmp_path):
    given = {**QUICK, "ancestor": "lenet5", "ancestor_epochs": 0, "epochs": 0, "final_epochs": 0, "offspring": 1}
    given = resolve(None, {**given, "generations": 1, "speedup": 1.2})
    run = evolve(tmp_path / "run", given, instrument=on_machine(given))
    assert f"of {run.figures('g000-c0').latency_ms / 1.2:.3g} ms" in run.outcome()["reason"]
    assert run.record("g001-c0").synthesis["correction"]["latency_ms"] > 0


def test_offspring_of_a_parent_within_the_budget_are_as_large_and_those_of_one_over_it_smaller():
    assert aim(2.0, measured=1.9, predicted=1.99) == 1.99
    assert aim(2.0, measured=1.9, predicted=1.5) == pytest.approx(1.94)
    assert aim(2.0, measured=3.0, predicted=2.5) == pytest.approx(1.94)
    assert aim(2.0, measured=2.1, predicted=1.8) < 1.8
    assert aim(2.0, measured=math.inf, predicted=math.inf) == pytest.approx(1.94)


def test_a_run_that_measures_nothing_corrects_nothing(tmp_path):
    run = evolve(tmp_path / "run", config(measure_on=None, measure_duration_s=1.0, max_params=20_000, generations=1))
    assert not {"correction", "predicted"} & set(run.record("g001-c0").synthesis)
    assert Budgets(run.config).machine.correction == {} and measured_rows(read_lineage(run)) == []
