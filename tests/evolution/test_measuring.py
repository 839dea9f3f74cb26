"""The board in the loop: measured figures with their intervals decide, are kept, and lead to the same lineage again."""

import dataclasses
import hashlib
import json
import shutil
from pathlib import Path

import onnxruntime
import pytest

from edgesynth.benchmark import power
from edgesynth.benchmark.remote import measure_on
from edgesynth.errors import UserError
from edgesynth.evolution import Progress, evolve, replay
from edgesynth.evolution.budgets import ENERGY, LATENCY
from edgesynth.export import OnMachine
from edgesynth.export.measuring import on_machine as measuring
from edgesynth.lineage import Figures, Run, resolve
from edgesynth.report.page import render
from edgesynth.tasks import load_task
from tests import few_digits
from tests.tiny_ancestor import NAME, build

QUICK = {
    "ancestor": NAME,
    "task": few_digits.NAME,
    "ancestor_epochs": 2,
    "batch_size": 32,
    "epochs": 1,
    "final_epochs": 2,
    "min_accuracy": 0.0,
    "generations": 4,
    "strength": "magnitude",
    "measure_on": "local",
    "measure_duration_s": 0.05,
}
QUICKLY = resolve(None, QUICK)


def on_machine(config):
    """The real instrument, without its half second of warming up, of which no figure here is the better."""
    instrument = OnMachine(config)
    instrument.options = instrument.options._replace(warm_up_s=0.02)
    return instrument


class Counted:
    """The real instrument for this machine; counts what it measures, and goes away after so many."""

    def __init__(self, config, lasts=1000):
        self.real, self.lasts, self.measured = on_machine(config), lasts, []

    def __call__(self, network, input_shape, bred, known):
        def unknown(*model):
            figures = known(*model)
            if figures is None:
                if len(self.measured) >= self.lasts:
                    raise UserError("board: connection closed by remote host")
                self.measured.append("-".join(model))
            return figures

        return self.real(network, input_shape, bred, unknown)


class Stopwatch:
    """Says that a network takes 1 us for each parameter, give or take a share of that; breaks after so many times."""

    def __init__(self, spread=0.0, lasts=1000):
        self.spread, self.lasts, self.calls = spread, lasts, 0

    def __call__(self, network, input_shape, bred, known):
        count = sum(parameter.numel() for parameter in network.parameters())
        content = "".join(str(tensor.tolist()) for tensor in network.state_dict().values())
        ends = (count * 1e-3 * (1 - self.spread), count * 1e-3 * (1 + self.spread))
        sha256 = hashlib.sha256(content.encode()).hexdigest()
        if earlier := known(sha256, "fp32", None):
            return earlier
        if self.calls >= self.lasts:
            raise UserError("board: connection closed by remote host")
        self.calls += 1
        return Figures(sha256, "local", "fp32", count * 1e-3, ends, energy_reason="no meter")


class Heard(Progress):
    def __init__(self):
        self.names = []

    def measured(self, name, figures):
        self.names.append(name)


def lineage(run):
    """{file: content} of everything that a resumed run must give again, figures included."""
    return {
        str(path.relative_to(run.path)): path.read_bytes()
        for path in sorted(run.path.rglob("*"))
        if path.is_file() and path.name != "measured.json"
    }


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    config = resolve(None, {**QUICK, "generations": 2})
    instrument, heard = Counted(config), Heard()
    run = evolve(tmp_path_factory.mktemp("unbroken") / "run", config, instrument=instrument, progress=heard)
    return run, instrument, heard


def test_the_ancestor_and_every_front_are_really_measured_and_kept_by_model(unbroken):
    run, instrument, heard = unbroken
    assert heard.names[0] == "g000-c0" and {name[:4] for name in heard.names} == {"g000", "g001", "g002"}
    # The first two are the untrained ancestor and the smallest network there can be, which are no individuals.
    assert len(instrument.measured) == len(heard.names) + 2
    kept = {path.stem for path in (run.path / "measurements").iterdir()}
    assert kept == set(instrument.measured[2:])
    for name in heard.names:
        figures = run.figures(name)
        assert figures.latency_ms_95[0] < figures.latency_ms < figures.latency_ms_95[1] < 10
        assert figures == run.measurement(figures.model_sha256, "fp32", "onnxruntime")
        assert (figures.precision, figures.engine_version) == ("fp32", onnxruntime.__version__)


def test_a_replay_breeds_again_what_was_bred_from_measured_parents(unbroken):
    run, _, heard = unbroken
    assert not replay(run, heard.names[-1]).difference


def test_the_report_shows_measured_figures_with_their_intervals(unbroken):
    run, _, _ = unbroken
    best = run.figures(run.outcome()["best"])
    page = render(run)
    assert "Measured on local" in page and f"{best.in_short()}; fp32, batch 1, 95 % intervals" in page


@pytest.mark.parametrize("lasts", [2, 3, 4])
def test_a_machine_that_goes_away_pauses_the_run_and_resume_measures_what_is_missing_alone(tmp_path, unbroken, lasts):
    whole, before, _ = unbroken
    config, path = whole.config, tmp_path / "run"
    broken = Counted(config, lasts=lasts)
    with pytest.raises(UserError, match=r"the run is paused and nothing is lost, because .* connection closed") as why:
        evolve(path, config, instrument=broken)
    assert str(why.value).endswith(f"go on with: edgesynth evolve --run {path} --resume")
    assert "\n" not in str(why.value) and len(broken.measured) == lasts
    instrument = Counted(config)
    evolve(path, config, resume=True, instrument=instrument)
    assert len(broken.measured) + len(instrument.measured) == len(before.measured)
    assert not set(broken.measured[2:]) & set(instrument.measured)
    assert set(lineage(Run.open(path))) == set(lineage(whole))


def test_an_individual_that_is_bred_again_is_known_by_its_model_and_not_measured_again(tmp_path, unbroken):
    whole, _, heard = unbroken
    path = tmp_path / "run"
    shutil.copytree(whole.path, path)
    shutil.rmtree(path / "individuals" / heard.names[-1])
    (path / "outcome.json").unlink()
    instrument = Counted(whole.config)
    again = evolve(path, whole.config, resume=True, instrument=instrument)
    assert instrument.measured == []
    assert lineage(again) == lineage(whole)


def test_a_measured_budget_is_met_by_the_worse_end_of_the_interval(tmp_path):
    sizes, finals = {}, {}
    for spread in (0.0, 0.3):
        config = resolve(None, {**QUICK, "max_latency_ms": 1.0, "generations": 9})
        run = evolve(tmp_path / str(spread), config, instrument=Stopwatch(spread))
        best = run.record(run.outcome()["best"])
        sizes[spread], finals[spread] = best.census.params, best.nurture["epochs"]
        assert run.outcome()["stopped"] == "budget" and "measured at most" in run.outcome()["reason"]
        assert LATENCY.worst(run.figures(best.name)) <= 1.0
        assert all(LATENCY.worst(run.figures(r.name)) > 1.0 for r in run.records() if r.generation == 0)
    assert sizes[0.0] <= 1000 and sizes[0.3] <= 1000 / 1.3
    assert finals == {0.0: 2, 0.3: 2}  # who meets every budget was trained to the end


def test_an_ancestor_that_is_measured_within_the_budget_is_told_to_be_asked_for_more(tmp_path):
    config = resolve(None, {**QUICK, "max_latency_ms": 100.0})
    with pytest.raises(UserError, match=r"the ancestor meets every budget already: .* of 100 ms; set a"):
        evolve(tmp_path / "run", config, instrument=Stopwatch())
    assert not (tmp_path / "run").exists()


def test_a_measured_latency_is_really_brought_down_to_its_budget_on_this_machine(tmp_path):
    given = {**QUICK, "ancestor": "lenet5", "ancestor_epochs": 0, "epochs": 0, "final_epochs": 0, "offspring": 1}
    seen = evolve(tmp_path / "seen", resolve(None, {**given, "generations": 1}), instrument=on_machine(QUICKLY))
    most = 0.5 * seen.figures("g000-c0").latency_ms
    run = evolve(
        tmp_path / "run",
        resolve(None, {**given, "generations": 12, "max_latency_ms": most}),
        instrument=on_machine(QUICKLY),
    )
    assert run.outcome()["stopped"] == "budget", run.outcome()["reason"]
    assert run.figures(run.outcome()["best"]).latency_ms_95[1] <= most


def test_a_prediction_corrected_by_the_parent_s_figure_lands_on_the_measured_budget(tmp_path):
    """The stopwatch has nothing to do with a TX2, yet the budget is met within a few generations and not undershot."""
    config = resolve(None, {**QUICK, "max_latency_ms": 1.0, "generations": 9, "board": "tx2"})
    run = evolve(tmp_path / "run", config, instrument=Stopwatch())
    best = run.record(run.outcome()["best"])
    assert run.outcome()["stopped"] == "budget"
    assert LATENCY.worst(run.figures(best.name)) <= 1.0


@pytest.mark.parametrize("board", [None, "tx2"])
def test_a_paused_run_goes_on_to_the_lineage_of_the_unbroken_one_bit_for_bit(tmp_path, board):
    config = resolve(None, {**QUICK, "max_latency_ms": 1.0, "generations": 9, "board": board})
    whole = evolve(tmp_path / "whole", config, instrument=Stopwatch(0.1))
    path, lasts = tmp_path / "broken", 1
    while not (path / "outcome.json").exists():
        lasts += 1
        try:
            evolve(path, config, resume=path.exists(), instrument=Stopwatch(0.1, lasts=2))
        except UserError as error:
            assert "the run is paused" in str(error)
    assert lasts > 2
    assert lineage(Run.open(path)) == lineage(whole)


def test_figures_that_are_kept_are_what_the_lineage_is_a_function_of(tmp_path):
    config = resolve(None, {**QUICK, "max_latency_ms": 1.0, "generations": 9})
    first = evolve(tmp_path / "first", config, instrument=Stopwatch())
    before = lineage(first)
    (first.path / "outcome.json").unlink()
    for name in first.names()[2:]:
        shutil.rmtree(first.folder(name))
    # A machine that has become three times as slow changes nothing of what is known by its model.
    slow = Stopwatch(spread=2.0)
    again = evolve(first.path, config, resume=True, instrument=slow)
    assert slow.calls == 0 and lineage(again) == before


@pytest.mark.skipif(power.find(device="cpu").reason is None, reason="this machine has a power meter")
def test_images_per_joule_without_a_meter_are_refused_before_anything_is_trained(tmp_path):
    config = resolve(None, {**QUICK, "min_images_per_joule": 10.0})
    with pytest.raises(UserError, match="--min-images-per-joule is 10 and no energy can be measured on local: ") as why:
        evolve(tmp_path / "run", config, instrument=on_machine(config))
    assert "\n" not in str(why.value) and not (tmp_path / "run").exists()


def test_a_measured_latency_below_that_of_the_smallest_network_is_refused_before_anything_is_trained(tmp_path):
    config = resolve(None, {**QUICK, "max_latency_ms": 1e-5})
    with pytest.raises(UserError, match=r"is 1e-05 and the smallest network .* was measured on local: 0\.0") as why:
        evolve(tmp_path / "run", config, instrument=on_machine(config))
    assert "set it to more" in str(why.value) and not (tmp_path / "run").exists()


def test_images_per_joule_go_by_the_lower_end_of_their_interval():
    figures = Figures("ab", "local", "fp32", 1.0, (0.9, 1.1), 50.0, (40.0, 60.0))
    assert ENERGY.worst(figures) == 25.0 and ENERGY.best(figures) == pytest.approx(16.667, rel=1e-4)
    assert Figures.from_json(figures.to_json()) == figures
    assert figures.in_short() == "1 ms [0.9, 1.1], 50 images/J [40, 60]"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"measure_on": "ssh:/tx2"}, "is no machine to measure on; give local"),
        ({"board_precision": "fp16"}, "fp16"),
        ({"strategy": "generative"}, "--measure-on steers heredity alone"),
    ],
    ids=str,
)
def test_what_cannot_be_measured_is_refused_before_anything_is_written(tmp_path, given, words):
    config = resolve(None, {**QUICK, **given})
    with pytest.raises(UserError) as why:
        evolve(tmp_path / "run", config, instrument=on_machine(config))
    assert words in str(why.value) and not (tmp_path / "run").exists()


def brighter(split):
    return split._replace(images=9 * split.images)


def bright_tests():
    """Digits whose images for validation and test are brighter than any for training."""
    task = load_task("digits")
    return dataclasses.replace(
        task, validation=brighter(task.validation), load_test=lambda: brighter(load_task("digits").load_test())
    )


def test_int8_is_measured_as_such_calibrated_on_training_images_alone(tmp_path, monkeypatch):
    calibrated = []

    def seen(on, bundle, options):
        ranges = json.loads((Path(bundle) / "ranges.json").read_text())
        calibrated.append(next(iter(ranges["amax"].values())))
        return measure_on(on, bundle, options)

    monkeypatch.setattr(measuring, "measure_on", seen)
    given = {"board_precision": "int8", "task": f"{__name__}:bright_tests", "generations": 1, "ancestor_epochs": 0}
    config = resolve(None, {**QUICK, **given, "epochs": 0, "final_epochs": 0, "offspring": 1})
    run = evolve(tmp_path / "run", config, instrument=on_machine(config))
    assert len(calibrated) == 4 and set(calibrated) == {load_task("digits").train.images.max().item()}
    figures = run.figures("g000-c0")
    assert (figures.precision, figures.engine) == ("int8", "onnxruntime")
    assert figures == run.measurement(figures.model_sha256, "int8", "onnxruntime")


def test_a_model_that_was_measured_at_another_precision_or_on_another_engine_is_measured_anew(tmp_path):
    run, network = Run.create(tmp_path / "run", QUICKLY), build().eval()
    for precision in ("fp32", "int8"):
        instrument = Counted(resolve(None, {**QUICK, "board_precision": precision}))
        for _ in range(2):
            figures = instrument(network, (1, 28, 28), {}, run.measurement)
            run.save_measurement(figures)
        assert len(instrument.measured) == 1
        assert run.measurement(figures.model_sha256, precision, "tensorrt") is None
        assert run.measurement(figures.model_sha256, precision, None) == figures
    assert len(list((run.path / "measurements").iterdir())) == 2
