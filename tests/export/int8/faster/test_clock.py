import onnxruntime
from torch import nn

from edgesynth.benchmark.power import NoPower
from edgesynth.benchmark.timing.timing import Track, Window, shortest_ms
from edgesynth.export.int8.faster.clock import SEARCH_S, Clock
from edgesynth.export.onnx.onnx_file import to_onnx


def test_a_latency_is_the_least_of_the_medians_of_windows():
    track = Track()
    reading = NoPower("none").stop()
    for latencies_ms in ([5.0, 6.0, 7.0], [3.0, 1.0, 4.0], [9.0]):
        track.latencies_ms += latencies_ms
        track.windows.append(Window(len(latencies_ms), reading))
    assert shortest_ms(track) == 3.0


def test_the_facts_name_the_engine_and_the_batch():
    facts = Clock((3, 8, 8), batch=4).facts
    assert facts.pop("cpu")
    assert facts == {"engine": f"onnxruntime {onnxruntime.__version__}", "batch": 4, "threads": 1}


def test_every_file_has_a_figure_by_its_name_and_by_its_place(tmp_path):
    path = tmp_path / "m.onnx"
    to_onnx(nn.Conv2d(3, 4, 3), (3, 8, 8), path)
    clock = Clock((3, 8, 8))
    assert len(clock.speed_ups(path, [path, path])) == 2
    latencies_ms = clock.latencies_ms({"a": path, "b": path})
    assert list(latencies_ms) == ["a", "b"] and min(latencies_ms.values()) > 0


def test_a_search_goes_on_as_long_as_the_next_level_ends_in_time(monkeypatch):
    now_s = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now_s)
    monkeypatch.setattr(Clock, "_latencies_ms", lambda self, files, windows: [1.0] * len(files))
    clock = Clock((3, 8, 8))
    clock.speed_ups("reference", ["a", "b"])
    now_s = SEARCH_S / 10
    assert clock.affords(18)
    assert not clock.affords(19)
