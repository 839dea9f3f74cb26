"""Is the truth inside the 95 % interval of images per joule, whatever the load's period? A simulated board.

    python -m benchmarks.jittered_sampler.run

Loads of 1 to 100 ms a call; a sensor that shows the power of the moment, looked at about every 20 ms, at a pace in step
with the load, and by a load whose calls vary. Each run is the shortest that energy is measured in. Beside them: samples
at a steady pace, and a sensor whose own converter is in step with the load, which no pace of reading can mend.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.jittered_sampler.simulation import BUSY_MW, BUSY_SHARE, WAITING_MW, truth_is_inside
from benchmarks.shared.tables import write_table
from edgesynth.benchmark.power.ina3221 import POLL_S, TRIGGERED_S
from edgesynth.lineage.storage.files import write_json

HERE = Path(__file__).resolve().parent
PERIODS_MS = range(1, 101)
OUT_OF_STEP = 1.00618  # times the period, and no ratio of small numbers
NOISE = 0.005
CONVERTER_TURN_MS = 6.6
CONVERTER_PERIODS_MS = (1.0, 3.3, 5.0, 6.6, 13.2, 20.0, 50.0, 100.0)
AVERAGES = 64
# Of the periods that a table shows; the claim is of all.
SHOWN_MS = (1, 2, 5, 10, 20, 30, 40, 50, 75, 100)


def main() -> None:
    """Simulate, and write the result and its tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=2000, help="measurements of each period and case")
    parser.add_argument("--trial", action="store_true", help="print only")
    arguments = parser.parse_args()
    rows = [row(period_ms, arguments.runs) for period_ms in PERIODS_MS]
    converter = [converter_row(period_ms, max(arguments.runs // 8, 1)) for period_ms in CONVERTER_PERIODS_MS]
    document = {
        "benchmark": "jittered_sampler",
        "runs": arguments.runs,
        "busy_mw": BUSY_MW,
        "waiting_mw": WAITING_MW,
        "busy_share": BUSY_SHARE,
        "poll_ms": 1e3 * TRIGGERED_S,
        "noise": NOISE,
        "periods": rows,
        "converter": converter,
    }
    print(table(document))
    print(converter_table(document))
    if not arguments.trial:
        write_json(HERE / "result.json", document)
        write_table(HERE / "README.md", "jittered_sampler", table(document))
        write_table(HERE / "README.md", "converter", converter_table(document))


def in_step_s(period_ms: float) -> float:
    """A pace that samples the load in the same phase every time, and that the meter would sample at."""
    period_s = period_ms / 1e3
    if period_s > POLL_S:
        return period_s / 2
    return period_s * math.ceil(0.01 / period_s - 1e-9)


def row(period_ms: int, runs: int) -> dict[str, Any]:
    """Share of the runs whose interval holds the truth, of each case of one period."""
    call_s, in_step = period_ms / 1e3, in_step_s(period_ms)
    cases: dict[str, dict[str, Any]] = {
        "every_20_ms": {"call_s": call_s, "poll_s": TRIGGERED_S},
        "in_step": {"call_s": call_s, "poll_s": in_step},
        "out_of_step": {"call_s": call_s * OUT_OF_STEP, "poll_s": TRIGGERED_S, "noise": NOISE},
        "steady_pace_in_step": {"call_s": call_s, "poll_s": in_step, "steady": True},
    }
    first = period_ms * 100_000
    shares = {case: share(range(first, first + runs), **given) for case, given in cases.items()}
    print(period_ms, shares, flush=True)
    return {"period_ms": period_ms, "in_step_poll_ms": 1e3 * in_step, **shares}


def converter_row(period_ms: float, runs: int) -> dict[str, Any]:
    """The same of a sensor that averages conversions at a pace of its own."""
    given = {"call_s": period_ms / 1e3, "poll_s": POLL_S, "averages": AVERAGES}
    shares = {
        "jittered": share(range(runs), **given),
        "calls_vary": share(range(runs), **given, noise=NOISE),
        "steady_pace": share(range(runs), **given, steady=True),
    }
    print(period_ms, shares, flush=True)
    return {"period_ms": period_ms, **shares}


def share(seeds: Sequence[int], **given: Any) -> float:
    """Of all seeds, those whose interval holds the truth."""
    return sum(truth_is_inside(seed, **given)[0] for seed in seeds) / len(seeds)


def table(document: dict[str, Any]) -> str:
    """Markdown of the results."""
    cases = ("every_20_ms", "in_step", "out_of_step", "steady_pace_in_step")
    rows = document["periods"]
    lines = [
        "| a call takes | read every 20 ms | read in step | out of step, calls vary | in step, at a steady pace |",
        "|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {row['period_ms']} ms | " + " | ".join(f"{100 * row[case]:.1f} %" for case in cases) + " |"
        for row in rows
        if row["period_ms"] in SHOWN_MS
    ]
    least = " | ".join(f"**{100 * min(row[case] for row in rows):.1f} %**" for case in cases)
    return "\n".join([*lines, f"| least of all {len(rows)} | {least} |"])


def converter_table(document: dict[str, Any]) -> str:
    """Markdown of the sensor with a converter of its own."""
    cases = ("jittered", "calls_vary", "steady_pace")
    lines = ["| a call takes | as measured | calls vary by 0.5 % | without the pauses |", "|---:|---:|---:|---:|"]
    lines += [
        f"| {row['period_ms']:g} ms | " + " | ".join(f"{100 * row[case]:.1f} %" for case in cases) + " |"
        for row in document["converter"]
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
