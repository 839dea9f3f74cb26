"""Flags of misleading figures: one or two words, a colon, what was seen and what to do."""

from typing import Any, Dict, List, Optional, Sequence

from edgesynth.benchmark.engines.engine import SPIN
from edgesynth.benchmark.engines.ways import Ways

# A run with one of these flags is not valid: what it measured was not, or not only, the network.
INVALID = ("unsteady", "clocks changed", "throttled", "GPU shared", "interrupted")
# trtexec's own threshold for "lock the clocks".
STEADY_COV = 0.025
# Below this count the 99th percentile by nearest rank is the slowest latency, whatever it was.
P99_COUNT = 100
# Share of the cores that other work may hold before the run.
BUSY_SHARE = 0.25
# Of a core, above which a thread that spins is not only asked for but seen.
SPINNING_CORES = 0.5
# trtexec's own threshold for "enqueue bound": the CPU's time to enqueue over that of computing.
BOUND_SHARE = 0.8


def is_invalid(flag: str) -> bool:
    """Whether a flag makes a run invalid."""
    return flag.split(":")[0] in INVALID


def flags_of_machine(machine: Dict[str, Any], threads: int) -> List[str]:
    """What is wrong with the machine for the whole run.

    Args:
        machine: from `describe_machine`, taken before the run.
        threads: threads of the engine.

    Returns:
        Flags, possibly none.
    """
    flags = []
    cores, load, governor = machine["cores"], machine["load_1min"], machine["governor"]
    # jetson_clocks leaves the governor as it was and sets both limits to the same clock.
    locked = governor == "performance" or (machine["max_khz"] or 0) == machine["min_khz"]
    if load is not None and load > BUSY_SHARE * cores:
        flags.append("machine loaded: {:.2f} tasks on {} cores before the run; close other work".format(load, cores))
    if governor is not None and not locked:
        flags.append("clocks not locked: the governor is {}; set it to performance".format(governor))
    if threads > cores:
        flags.append("oversubscribed: {} threads on {} cores; use --threads {}".format(threads, cores, cores))
    return flags


def flags_of_latency(latency: Dict[str, float]) -> List[str]:
    """What is wrong with one configuration's latencies.

    Args:
        latency: from `timing.spread`.

    Returns:
        Flags, possibly none.
    """
    flags = []
    if latency["cov"] > STEADY_COV:
        flags.append(
            "unsteady: the latencies vary by {:.1f} % (coefficient of variation; above {:.1f} % the mean and the tail "
            "do not repeat)".format(100 * latency["cov"], 100 * STEADY_COV)
        )
    if latency["count"] < P99_COUNT:
        flags.append(
            "few samples: with {} latencies p99 is the slowest one; raise --duration-s".format(latency["count"])
        )
    return flags


def flags_of_waiting(wait: Optional[str], busy_cores: float, covered: Sequence[str]) -> List[str]:
    """Cores that wait for a GPU in a loop, where what they use is in the energy.

    Args:
        wait: how the engine waits, one of `engines.engine.WAITS`; None where there is nothing to wait for.
        busy_cores: from `timing.busy_cores`.
        covered: devices that the meter's figure covers.

    Returns:
        Flags, possibly none.
    """
    if wait != SPIN or busy_cores < SPINNING_CORES or "cpu" not in covered:
        return []
    return [
        "spinning: {:.1f} cores are busy while the GPU works, most of it waiting in a loop, and their power is in the "
        "energy; measure with --wait block too, and hold both side by side with edgesynth compare --anyway".format(
            busy_cores
        )
    ]


def flags_of_phases(phases: Dict[str, Dict[str, float]], ways: Ways) -> List[str]:
    """What is wrong with the parts of one configuration's runs.

    Args:
        phases: spread of each part, see `Engine.phases_ms`.
        ways: how it was run.

    Returns:
        Flags, possibly none.
    """
    if "enqueue" not in phases or "compute" not in phases:
        return []
    enqueue_ms, compute_ms = phases["enqueue"]["p50"], phases["compute"]["p50"]
    if enqueue_ms <= BOUND_SHARE * compute_ms:
        return []
    remedy = "several streams or a larger batch" if ways.cuda_graph else "--cuda-graph"
    return [
        "bound by launches: the CPU takes {:.3f} ms to enqueue what the GPU computes in {:.3f} ms; try {}".format(
            enqueue_ms, compute_ms, remedy
        )
    ]
