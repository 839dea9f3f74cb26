"""The cost model's table in Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any


def table(result: dict[str, Any]) -> str:
    """What README.md shows of result.json."""
    errors, splits = result["latency_error"], sorted(result["other_splits"])
    rows = result["rows"]
    held_out = [row for row in rows if not row["fitted"]]
    power = result["power"]
    watts = statistics.median(abs(row["predicted_w"] / row["watts"] - 1) for row in power)
    lines = [
        f"- Latency, {len(rows)} rows of TX1 and TX2: 7 parameters fitted to {len(rows) - len(held_out)} rows of every "
        f"second network; held out, {len(held_out)} rows: **median error {errors['all']:.1%}** (wanted: below 25 %), "
        f"{_worst(held_out):.0%} at worst; {result['by_network']:.1%} where a network counts once for each board and "
        f"precision; {errors['read']:.1%} without the recalled rows; {errors['fitted']:.1%} on the fitted rows.",
        f"- By board, held out: TX1 {errors['tx1']:.1%}, TX2 {errors['tx2']:.1%}, Nano {errors['nano']:.1%} (none "
        "of its rows was fitted).",
        f"- {len(splits)} random splits of the networks instead, fitted anew: held-out median error "
        f"{statistics.median(splits):.1%} ({splits[0]:.1%} to {splits[-1]:.1%}).",
        f"- Power, {len(power)} rows: 5 parameters; each network predicted from the other alone, median error "
        f"{watts:.1%}; energy per image from predicted latency and power: **{result['energy_error']:.1%}**.",
        *(f"- Left out: {what}." for what in result["left_out"]),
        "",
        "| network | board, mode | precision | batch | published ms | predicted / published | |",
        "|---|---|---|---|---|---|---|",
        *(_line(group, "fitted" if group[0]["fitted"] else "held out") for group in _groups(rows)),
        *(_line(group, "never fitted") for group in _groups(result["checks"])),
        "",
        "| network | board, mode | batch | published W | predicted W | published mJ per image | predicted mJ |",
        "|---|---|---|---|---|---|---|",
        *(
            f"| {row['network']} | {row['board']}, {row['mode']} | {row['batch']} | {row['watts']} | "
            f"{row['predicted_w']:.1f} | {row['published_mj']:.1f} | {row['energy_mj']:.1f} |"
            for row in power
        ),
    ]
    return "\n".join(lines)


def _groups(rows: Sequence[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in rows:
        key = tuple(row[name] for name in ("source", "network", "board", "mode", "precision"))
        groups.setdefault(key, []).append(row)
    return list(groups.values())


def _line(group: Sequence[dict[str, Any]], state: str) -> str:
    first = group[0]
    ratios = sorted(row["predicted_ms"] / row["latency_ms"] for row in group)
    return (
        f"| {first['network']} | {first['board']}, {first['mode']} | {first['precision']} | "
        f"{_span([row['batch'] for row in group], 'd')} | {_span([row['latency_ms'] for row in group], '.1f')} | "
        f"{_span(ratios, '.2f')} | {state} |"
    )


def _span(values: Sequence[float], form: str) -> str:
    first, last = format(values[0], form), format(values[-1], form)
    return first if len(values) == 1 else f"{first} to {last}"


def _worst(rows: Sequence[dict[str, Any]]) -> float:
    return max(abs(row["predicted_ms"] / row["latency_ms"] - 1) for row in rows)
