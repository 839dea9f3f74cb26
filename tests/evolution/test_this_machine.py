"""`--board local`: a budget of this machine's latency, by a grid of its layers' times that the run keeps."""

import json
import re

import pytest
from torch import nn

from edgesynth.benchmark.probe.grid.settings import GridSettings
from edgesynth.boards.probed.grid import read_grid
from edgesynth.errors import UserError
from edgesynth.evolution import evolve, replay
from edgesynth.evolution.budgets.layer_times import LayerTimes
from edgesynth.evolution.budgets.machine import Machine
from edgesynth.evolution.preflight.rounding import rounding_note
from edgesynth.export import OnnxRuntimeClock
from edgesynth.lineage import resolve, species
from edgesynth.report import read_lineage
from edgesynth.report.measured_rows import measured_rows
from edgesynth.tasks import load_task
from tests.evolution.test_measuring import on_machine

QUICK = GridSettings(each_s=0.001, passes=1)
GIVEN = {
    **{"task": "digits", "board": "local"},
    **{"keep": 1, "keep_clusters": 0.6, "min_accuracy": 0},
    **{"ancestor_epochs": 1, "epochs": 0, "final_epochs": 0, "generations": 4, "offspring": 1},
}


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(16, 16, 3, padding=1), nn.Conv2d(16, 16, 3, padding=1)

    def forward(self, x):
        return (x + self.b(self.a(x).relu())).relu()


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.blocks, self.out = (
            nn.Conv2d(1, 16, 3),
            nn.Sequential(Block(), Block(), Block()),
            nn.Linear(16, 10),
        )

    def forward(self, x):
        return self.out(self.blocks(self.stem(x).relu()).mean((2, 3)))


def config(limit=None, **given):
    budget = {} if limit is None else {"max_latency_ms": limit}
    return resolve(None, {**GIVEN, "ancestor": "test_this_machine:Residual", **budget, **given})


def predicted(run, name):
    return run.measured(name)["predicted"]


@pytest.fixture(scope="module")
def clock(tmp_path_factory):
    return OnnxRuntimeClock(QUICK, str(tmp_path_factory.mktemp("grid") / "machine.json"))


@pytest.fixture(scope="module")
def run(tmp_path_factory, clock):
    folder = tmp_path_factory.mktemp("local")
    with pytest.raises(UserError, match=r"has predicted .* ms already") as refusal:
        evolve(folder / "none", config(1e3), clock=clock)
    assert not (folder / "none").exists()
    whole_ms = float(re.search(r"predicted (\S+) ms", str(refusal.value)).group(1))
    return evolve(folder / "run", config(whole_ms / 2), clock=clock)


def test_the_budget_is_met_by_what_the_run_s_own_grid_says(run):
    best = run.outcome()["best"]
    assert "predicted" in run.outcome()["reason"]
    assert predicted(run, best)["latency_ms"] <= run.config.max_latency_ms
    assert "onnxruntime" in predicted(run, best)["mode"]
    assert read_grid(str(run.path / "grid.json")).layers


def test_widths_and_branches_were_chosen_by_these_times_and_it_is_told(run, tmp_path, clock):
    assert (run.config.allocation, run.config.branches, run.config.round_to) == ("shape", True, "auto")
    assert any("goals" in record.synthesis for record in run.records())
    kind = species(run.config.ancestor, load_task("digits"), 0, True)
    times, _ = clock.read(kind.model, kind.input_shape, 13, str(run.path / "grid.json"))
    machine = Machine(run.config, kind.anatomy, times=LayerTimes(kind.anatomy, kind.input_shape, times))
    assert rounding_note(run.config, machine).endswith(
        "widths and branches (--allocation shape); --round-to auto: any width, by the steps of the measured times"
    )


def test_a_replay_reads_the_run_s_grid_and_measures_nothing(run):
    before = (run.path / "grid.json").read_bytes()

    class Still(OnnxRuntimeClock):
        def measure(self, *arguments):
            raise AssertionError("it measured")

    assert not replay(run, run.outcome()["best"], clock=Still()).difference
    assert (run.path / "grid.json").read_bytes() == before


def test_without_a_clock_it_is_refused_and_nothing_is_written(tmp_path):
    with pytest.raises(UserError, match="give a clock"):
        evolve(tmp_path / "run", config(1.0))
    assert not (tmp_path / "run").exists()


def test_a_damaged_grid_of_a_run_is_named(run, tmp_path):
    grid = json.loads((run.path / "grid.json").read_text())
    (tmp_path / "grid.json").write_text(json.dumps({**grid, "call_ms": 0}))
    with pytest.raises(UserError, match=r"grid\.json"):
        OnnxRuntimeClock().read(Residual().eval(), (1, 28, 28), 13, str(tmp_path / "grid.json"))


def test_a_speedup_is_a_budget_of_the_ancestor_s_latency_over_it(tmp_path, run, clock):
    fast = evolve(tmp_path / "run", config(speedup=2.0), clock=clock)
    whole = predicted(fast, "g000-c0")["latency_ms"]
    assert fast.config.max_latency_ms == pytest.approx(whole / 2)
    assert predicted(fast, fast.outcome()["best"])["latency_ms"] <= whole / 2
    assert evolve(tmp_path / "run", config(speedup=2.0), resume=True, clock=clock).outcome() == fast.outcome()
    assert not replay(fast, fast.outcome()["best"], clock=clock).difference


def test_what_onnx_runtime_takes_for_a_whole_network_corrects_the_grid(tmp_path, clock):
    given = config(measure_on="local", measure_duration_s=0.05, speedup=1.2, generations=2)
    measured = evolve(tmp_path / "run", given, clock=clock, instrument=on_machine(given))
    (row, *rows) = measured_rows(read_lineage(measured))
    assert row.individual == "g000-c0" and row.predicted_ms == predicted(measured, "g000-c0")["latency_ms"]
    first = measured.record("g001-c0")
    factor = measured.figures("g000-c0").latency_ms_95[1] / row.predicted_ms
    assert first.synthesis["correction"]["latency_ms"] == pytest.approx(factor)
    corrected = factor * predicted(measured, "g001-c0")["latency_ms"]
    assert first.synthesis["predicted"]["latency_ms"] == pytest.approx(corrected)
    assert all(row.corrected_ms == pytest.approx(row.correction_x * row.predicted_ms) for row in rows)
    assert not replay(measured, measured.names()[-1], clock=clock).difference


def test_a_budget_below_the_smallest_network_is_refused_with_this_machine_s_name(tmp_path, run, clock):
    with pytest.raises(UserError, match=r"is predicted to have \S+ ms on .* at fp32 .*; set it to that or more"):
        evolve(tmp_path / "run", config(1e-6), clock=clock)
    assert not (tmp_path / "run").exists()


def test_a_speedup_beside_another_budget_of_latency_or_without_a_machine_is_refused(tmp_path, run, clock):
    with pytest.raises(UserError, match="give one of them"):
        evolve(tmp_path / "run", config(0.001, speedup=2.0), clock=clock)
    with pytest.raises(UserError, match="add --board local"):
        evolve(tmp_path / "run", config(speedup=2.0, board=None, max_macs=10**5), clock=clock)
    assert not (tmp_path / "run").exists()
