"""What the loop measures goes to another machine whole, and the engine there takes its own form of it."""

from edgesynth.export import OnMachine
from edgesynth.lineage import resolve
from tests.benchmark.remote.conftest import machine  # noqa: F401  (a fixture)
from tests.tiny_ancestor import build


def unmeasured(*model):
    return None


def test_int8_on_another_machine_is_the_dialect_of_its_engine(machine, monkeypatch):  # noqa: F811
    monkeypatch.setenv("PATH", machine.environment()["PATH"])
    given = {"measure_on": machine.address, "measure_duration_s": 0.05, "board_precision": "int8"}
    instrument = OnMachine(resolve(None, given), python=str(machine.python))
    figures = instrument(build().eval(), (1, 28, 28), {}, unmeasured)
    assert (figures.precision, figures.engine, figures.measured_on) == ("int8", "onnxruntime", machine.address)
    assert figures.latency_ms_95[0] < figures.latency_ms < figures.latency_ms_95[1]
    assert len(list((machine.cache / "edgesynth/remote/files").iterdir())) == 5
    assert machine.is_clean()
