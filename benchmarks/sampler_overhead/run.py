"""What the power sampler costs the work that it measures: latency with it and without it, interleaved.

    python -m benchmarks.sampler_overhead.run MODEL.onnx

The sensor is a tree of files as a Jetson TX2 has it (two rails, looked at every 20 ms, its fastest pace); what a read
of the real one costs the I2C bus is not in it. Windows with the sampler and windows without it alternate; the figure is
the median over all pairs of the ratio of their median latencies, with the 95 % interval of that median by ranks. Beside
it: the share of a core that the sampler's process used.
"""

from __future__ import annotations

import argparse
import math
import resource
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.shared.tables import write_table
from edgesynth.benchmark.bundle.bundle import open_bare_model
from edgesynth.benchmark.conditions.machine import describe_machine
from edgesynth.benchmark.engines.onnxruntime import OnnxRuntime
from edgesynth.benchmark.measure.configurations import load
from edgesynth.benchmark.power import Ina3221, Meter, NoPower, opened
from edgesynth.benchmark.timing.timing import Track, spread
from edgesynth.lineage.storage.files import write_json

HERE = Path(__file__).resolve().parent
RAILS = {"VDD_IN": 7358, "VDD_SYS_GPU": 2280}


def main() -> None:
    """Measure, and write the result and its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="a bare ONNX file")
    parser.add_argument("--pairs", type=int, default=300, help="windows of each kind")
    parser.add_argument("--window-s", type=float, default=0.15, help="length of a window")
    parser.add_argument("--trial", action="store_true", help="print only")
    arguments = parser.parse_args()

    target = open_bare_model(str(arguments.model))
    ((precision, model),) = target.models.items()
    call = load(target, OnnxRuntime, precision, model, 1, 1).run
    with tempfile.TemporaryDirectory() as sysfs:
        meter = tree(Path(sysfs))
        cpu_percent = sampler_cpu_percent(meter)
        pairs = []
        for turn in range(arguments.pairs):
            order = [True, False] if turn % 2 else [False, True]
            medians_ms = {sampled: median_ms(call, meter, arguments.window_s, sampled) for sampled in order}
            pairs.append((medians_ms[True], medians_ms[False]))
    ratios = sorted(sampled / alone for sampled, alone in pairs)
    # Ranks of the 95 % interval of a median.
    reach = 0.98 * math.sqrt(len(ratios))
    low = ratios[max(math.floor(len(ratios) / 2 - reach), 0)]
    high = ratios[min(math.ceil(len(ratios) / 2 + reach), len(ratios) - 1)]
    document = {
        "benchmark": "sampler_overhead",
        "machine": describe_machine(),
        "pairs": len(pairs),
        "window_s": arguments.window_s,
        "poll_s": meter.describe()["poll_s"],
        "sampler_cpu_percent": cpu_percent,
        "p50_ms_alone": statistics.median(alone for _, alone in pairs),
        "overhead_percent": 100 * (statistics.median(ratios) - 1),
        "overhead_percent_95": [100 * (low - 1), 100 * (high - 1)],
    }
    print(table(document))
    if not arguments.trial:
        write_json(HERE / "result.json", document)
        write_table(HERE / "README.md", "sampler_overhead", table(document))


def table(document: dict[str, Any]) -> str:
    """Markdown of the results."""
    low, high = document["overhead_percent_95"]
    return "\n".join(
        [
            "| pairs of windows | latency alone, ms | with the sampler (95 %) | share of a core it takes |",
            "|---:|---:|---:|---:|",
            f"| {document['pairs']} of {document['window_s']:g} s | {document['p50_ms_alone']:.3f} "
            f"| **{document['overhead_percent']:+.2f} %** ({low:+.1f} to {high:+.1f}) "
            f"| {document['sampler_cpu_percent']:.1f} % |",
        ]
    )


def tree(sysfs: Path) -> Ina3221:
    """A sensor in a folder."""
    folder = sysfs / "bus/i2c/drivers/ina3221x/0-0041/iio_device"
    folder.mkdir(parents=True)
    (folder / "running_mode").write_text("0\n")
    for channel, (name, power_mw) in enumerate(RAILS.items()):
        (folder / f"rail_name_{channel}").write_text(f"{name}\n")
        (folder / f"in_power{channel}_input").write_text(f"{power_mw}\n")
    return Ina3221.find(str(sysfs))


def sampler_cpu_percent(sensor: Ina3221, duration_s: float = 8.0) -> float:
    """Time that the sampler's process runs, as a share of one core; what its start takes is left out."""
    short_s, long_s = (child_time_s(sensor, seconds) for seconds in (1.0, 1.0 + duration_s))
    return 100 * (long_s - short_s) / duration_s


def child_time_s(sensor: Ina3221, duration_s: float) -> float:
    """Processor time of a sampler that lives this long."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with opened(sensor):
        time.sleep(duration_s)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def median_ms(call, sensor: Ina3221, window_s: float, sampled: bool) -> float:  # type: ignore[no-untyped-def]
    """Median latency of one window."""
    track = Track()
    meter: Meter = sensor if sampled else NoPower("left out")
    with opened(meter) as ready:
        time.sleep(0.2)  # both kinds of window begin after the same rest
        track.window(call, window_s, ready)
    return spread(track.latencies_ms)["p50"]


if __name__ == "__main__":
    main()
