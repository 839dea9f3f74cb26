"""The time of each layer of an engine, by TensorRT's own profiler (IProfiler)."""

from typing import Any, Dict, List, Tuple

from edgesynth.benchmark.engines.tensorrt.execution.lane import Lane

WARM_UP, RUNS = 10, 50


def layer_times_ms(trt: Any, lane: Lane) -> Dict[str, List[float]]:
    """Times of each layer on the images of the last run, ms, in the order in which TensorRT reports them.

    With a profiler TensorRT waits for every run, and kernels do not overlap: the sum is more than the network takes.

    Args:
        trt: the module tensorrt.
        lane: what is run; its context keeps the profiler, and launches kernel by kernel from here on.
    """
    lane.release_graph()
    profiler = _profiler(trt)
    lane.context.profiler = profiler
    times: Dict[str, List[float]] = {}
    for run in range(WARM_UP + RUNS):
        del profiler.seen[:]
        lane.enqueue()
        lane.stream.synchronize()
        if run < WARM_UP:
            continue
        sums: Dict[str, float] = {}
        for name, ms in profiler.seen:
            sums[name] = sums.get(name, 0.0) + ms
        for name, ms in sums.items():
            times.setdefault(name, []).append(ms)
    return times


def _profiler(trt: Any) -> Any:

    class Profiler(trt.IProfiler):
        def __init__(self) -> None:
            # Without this call, by this name, TensorRT ends the process, as with its other callbacks.
            trt.IProfiler.__init__(self)
            self.seen: List[Tuple[str, float]] = []

        def report_layer_time(self, layer_name: str, ms: float) -> None:
            self.seen.append((str(layer_name), float(ms)))

    return Profiler()
