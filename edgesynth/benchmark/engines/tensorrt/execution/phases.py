"""The parts of a run by events on the GPU: copy in, compute, copy out; and the CPU's time to enqueue."""

import time
from typing import Any, Dict, List

from edgesynth.benchmark.engines.tensorrt.execution.lane import Lane

WARM_UP, RUNS, LEAST = 10, 100, 10
# A network of seconds is not run a hundred times more.
MOST_S = 5.0


def phases_ms(cuda: Any, lane: Lane) -> Dict[str, List[float]]:
    """Latencies of each part on the images of the last run, ms; see `Engine.phases_ms`.

    Args:
        cuda: pycuda's driver module, or what stands for it.
        lane: what is run, and by which launch.
    """
    marks = [cuda.Event() for _ in range(4)]
    names = ("copy_in", "compute", "copy_out") if lane.copies else ("compute",)
    phases: Dict[str, List[float]] = {name: [] for name in (*names, "enqueue")}
    until = time.perf_counter() + MOST_S
    for run in range(WARM_UP + RUNS):
        if run >= WARM_UP + LEAST and time.perf_counter() > until:
            break
        marks[0].record(lane.stream)
        lane.upload()
        marks[1].record(lane.stream)
        begin = time.perf_counter()
        lane.enqueue()
        enqueue_ms = (time.perf_counter() - begin) * 1e3
        marks[2].record(lane.stream)
        lane.download()
        marks[3].record(lane.stream)
        marks[3].synchronize()
        spans = {
            "copy_in": marks[0].time_till(marks[1]),
            "compute": marks[1].time_till(marks[2]),
            "copy_out": marks[2].time_till(marks[3]),
            "enqueue": enqueue_ms,
        }
        for name in phases:
            phases[name].append(float(spans[name]))
    return {name: spans_ms[WARM_UP:] for name, spans_ms in phases.items()}
