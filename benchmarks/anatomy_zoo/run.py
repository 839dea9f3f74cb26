"""Every network of torchvision through the anatomy, and through Torch-Pruning beside it.

    python -m benchmarks.anatomy_zoo.run

Each network is traced, half of each removable group is cut at random, and the cut network is compared with the masked
one in fp64: random networks forget most of their input, so that in fp32 a wrong cut could hide in the noise. Each
network and side has a process of its own, so that peak memory is its own and a crash is a row of the table.

Resumable: each finished row is kept in --work (delete a file there to repeat it). Results go to result.json and to
the table in README.md, both beside this script. Needs `pip install torch-pruning`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from benchmarks.anatomy_zoo.networks import QUICK, names
from benchmarks.shared.own_process import crashed, kept_row
from benchmarks.shared.tables import write_table
from edgesynth.errors import UserError
from edgesynth.lineage.storage.files import write_json

HERE = Path(__file__).resolve().parent
RACE, LAPS = "resnet50", 3
SPEED_GOAL = 5.0
RUNS = ("equal", "differs")  # what the peer's network may be when it runs


def main() -> None:
    """Measure what is not there yet, write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", help="only these (printed, not written to the README)")
    parser.add_argument("--quick", action="store_true", help="a dozen networks (printed, not written to the README)")
    parser.add_argument("--work", type=Path, default=Path("runs/anatomy_zoo"), help="where finished rows are kept")
    parser.add_argument("--threads", type=int, default=1, help="threads of each process")
    parser.add_argument("--timeout", type=int, default=300, help="seconds for one network and side")
    parser.add_argument("--memory-gib", type=int, default=16, help="address space of each process")
    parser.add_argument("--one", nargs=3, metavar=("SIDE", "NETWORK", "KIND"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.one:
        resource.setrlimit(resource.RLIMIT_AS, (arguments.memory_gib << 30, arguments.memory_gib << 30))
        side, name, kind = arguments.one
        one(side, name, kind, arguments.work)
        return
    arguments.work.mkdir(parents=True, exist_ok=True)
    chosen = arguments.networks or (list(QUICK) if arguments.quick else names())
    rows = {}
    for name in chosen:
        rows[name] = {side: whole_row(side, name, arguments) for side in ("ours", "peer")}
        print(f"{name}: {told(rows[name])}", flush=True)
    race: dict[int, list[dict[str, Any]]] = {}
    for threads in dict.fromkeys((1, os.cpu_count() or 1)) if RACE in chosen else ():
        race[threads] = [
            {side: row(side, RACE, f"race-{threads}-{lap}", threads, arguments) for side in ("ours", "peer")}
            for lap in range(LAPS)
        ]
    document = {
        "benchmark": "anatomy_zoo",
        "machine": machine(arguments),
        "networks": rows,
        "race": {
            str(threads): [{side: seconds(lap[side]) for side in lap} for lap in laps] for threads, laps in race.items()
        },
    }
    print("\n".join(["", rows_table(document), "", *summary(document)]))
    if chosen == names():
        write_json(HERE / "result.json", document)
        write_table(HERE / "README.md", "anatomy_zoo", table(document))


def whole_row(side: str, name: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Figures of a network and, where it came to be cut at all, seconds and memory of a process that does no more."""
    figures = row(side, name, "figures", arguments.threads, arguments)
    if "channels" not in figures:
        return figures
    costs = row(side, name, "seconds", arguments.threads, arguments)
    return {**figures, **{key: value for key, value in costs.items() if key.endswith("_s") or key == "peak_gib"}}


def row(side: str, name: str, kind: str, threads: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """`figures`, `seconds` of the processor, or a `race` by the clock: kept from before, or of a process of its own."""
    file = row_file(arguments.work, side, name, kind)
    options = ["--threads", str(threads), "--work", str(arguments.work)]
    options += ["--memory-gib", str(arguments.memory_gib), "--one", side, name, kind]
    return kept_row(file, "anatomy_zoo", options, arguments.timeout)


def row_file(work: Path, side: str, name: str, kind: str) -> Path:
    """Where a row is kept."""
    return work / f"{name.replace('/', '-')}.{side}.{kind}.json"


def one(side: str, name: str, kind: str, work: Path) -> None:
    """Measure one side of one network in this process, and write its row."""
    clock = time.perf_counter if kind.startswith("race") else time.process_time
    try:
        if side == "ours":
            from benchmarks.anatomy_zoo import ours

            figures = ours.measure(name) if kind == "figures" else ours.seconds(name, clock)
        else:
            from benchmarks.anatomy_zoo import peer

            known = json.loads(row_file(work, "ours", name, "figures").read_text())
            if "channels" not in known:
                figures = {"status": "not measured", "failure": "edgesynth's row, which names the outputs, is missing"}
            elif kind == "figures":
                figures = peer.measure(name, known["output_layers"], known["channels"])
            else:
                figures = peer.seconds(name, known["output_layers"], clock)
    except UserError as error:
        figures = {"status": "refused", "failure": str(error)[:200]}
    except Exception as error:
        figures = crashed(error)
    figures["peak_gib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    write_json(row_file(work, side, name, kind), figures)


def machine(arguments: argparse.Namespace) -> dict[str, Any]:
    """What it ran on."""
    return {
        "cpu_threads": arguments.threads,
        "memory_gib": arguments.memory_gib,
        "machine": platform.machine(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "python": platform.python_version(),
        **{package: version(package) for package in ("torch", "torchvision", "torch-pruning")},
    }


def seconds(figures: dict[str, Any]) -> float | None:
    """Seconds from a network to a smaller one, building and proving it aside."""
    parts = [figures.get(key) for key in (("trace_s", "remove_s") if "trace_s" in figures else ("graph_s", "prune_s"))]
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None


def told(pair: dict[str, Any]) -> str:
    """One line on a network, for the console."""
    shares = [
        f"{100 * figures['removable_share']:.1f} %" if "removable_share" in figures else "-"
        for figures in pair.values()
    ]
    times = [f"{seconds(figures):.1f} s" if seconds(figures) is not None else "-" for figures in pair.values()]
    statuses = [f"{figures['status']} {figures.get('failure', '')}".strip() for figures in pair.values()]
    return "  |  ".join(
        f"{side}: {', '.join(parts)}" for side, *parts in zip(pair, statuses, shares, times, strict=True)
    )


def summary(document: dict[str, Any]) -> list[str]:
    """What it comes to, as Markdown lines."""
    rows = document["networks"]
    ours, peer = ([pair[side] for pair in rows.values()] for side in ("ours", "peer"))
    proven = sum(figures["status"] == "proven" for figures in ours)
    guarded = sum(figures.get("protected_by_proof", 0) > 0 for figures in ours)
    lines = [
        f"- edgesynth: {len(rows)} networks, **{proven} proven** ({guarded} of them after the proof had protected a "
        f"group), {count(ours, 'wrong')} wrong, {count(ours, 'refused')} refused, "
        f"{count(ours, 'crashed', 'timed out')} crashed or timed out.",
        f"- Torch-Pruning: {count(peer, 'equal')} equal to the masked network, {count(peer, 'differs')} run but differ "
        f"from it, {count(peer, 'does not run', 'crashed')} fail, "
        f"{count(peer, 'timed out', 'not measured')} not measured.",
    ]
    both = {name: pair for name, pair in rows.items() if "channels" in pair["ours"] and pair["peer"]["status"] in RUNS}
    less = {name: pair for name, pair in both.items() if share(pair["ours"]) < share(pair["peer"]) - 1e-9}
    lines.append(
        f"- Share of channels that can be cut at least Torch-Pruning's: {len(both) - len(less)} of the {len(both)} "
        f"networks that Torch-Pruning brings to run."
    )
    for name, pair in less.items():
        why = next(iter(pair["ours"]["protected"]), "")
        lines.append(
            f"  - Less on {name}: {100 * share(pair['ours']):.1f} % and {100 * share(pair['peer']):.1f} % (its network "
            f"{'equals the masked one' if pair['peer']['status'] == 'equal' else 'differs from the masked one'}; "
            f"protected here: {why})."
        )
    agree = [figures["macs_agree"] for figures in ours if "macs_agree" in figures]
    apart = [name for name, pair in rows.items() if pair["ours"].get("macs_agree") is False]
    lines.append(
        f"- MACs of the census within 1 % of torch's flop counter: {sum(agree)} of {len(agree)}"
        f"{' (not: ' + ', '.join(apart) + ')' if apart else ''}."
    )
    ratios = [seconds(pair["peer"]) / seconds(pair["ours"]) for pair in both.values() if seconds(pair["peer"])]
    if ratios:
        lines.append(
            f"- From network to smaller network, seconds of the processor: Torch-Pruning's over ours, median of "
            f"{len(ratios)} networks that both bring to run, {statistics.median(ratios):.2f} "
            f"({min(ratios):.2f} to {max(ratios):.2f})."
        )
    for threads, laps in document["race"].items():
        laps = [lap for lap in laps if None not in lap.values()]
        if not laps:
            continue
        mine, theirs = (statistics.median(lap[side] for lap in laps) for side in ("ours", "peer"))
        wanted = "" if theirs / mine >= SPEED_GOAL else f" (wanted {SPEED_GOAL:.0f})"
        lines.append(
            f"- {RACE}, from network to smaller network, {threads} thread(s), median of {len(laps)} interleaved: "
            f"{mine:.2f} s, and "
            f"Torch-Pruning's {theirs:.2f} s: **{theirs / mine:.2f}** times the speed{wanted}."
        )
    used = document["machine"]
    lines.append(
        f"- {used['cpu_threads']} thread(s) and {used['memory_gib']} GiB of address space for each process, "
        f"{used['machine']} {used['capability']}, torch {used['torch']}, "
        f"torchvision {used['torchvision']}, Torch-Pruning {used['torch-pruning']}."
    )
    return lines


def count(rows: list[dict[str, Any]], *statuses: str) -> int:
    """How many rows came to one of these."""
    return sum(figures["status"] in statuses for figures in rows)


def share(figures: dict[str, Any]) -> float:
    """Share of output channels that can be cut; 0 where that is not known."""
    return figures.get("removable_share", 0.0)


def table(document: dict[str, Any]) -> str:
    """Markdown of the results."""
    return "\n".join([*summary(document), "", rows_table(document)])


def rows_table(document: dict[str, Any]) -> str:
    """Markdown of all networks."""
    lines = [
        "| network | proof | can be cut | protected (channels) | trace, remove, prove: CPU s | peak GiB | MACs "
        "| params | counter | Torch-Pruning | it can cut | graph, prune: CPU s | peak GiB |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, pair in document["networks"].items():
        cells = [name, *our_cells(pair["ours"]), *peer_cells(pair["peer"])]
        lines.append("| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |")
    return "\n".join(lines)


def our_cells(figures: dict[str, Any]) -> list[str]:
    """Proof, share, reasons, times, memory, MACs, parameters, agreement of counters."""
    if "channels" not in figures:
        return [f"**{figures['status']}**: {figures['failure']}", *[""] * 3, memory(figures), *[""] * 3]
    proof = figures["proof"]
    rel = "" if proof["max_rel"] is None else f"{proof['max_rel']:.0e} {proof['dtype'].replace('float', 'fp')}"
    if figures["max_rel_fp32"] is not None and proof["dtype"] == "float64":
        rel += f" ({figures['max_rel_fp32']:.0e} fp32)"
    verdict = rel if figures["status"] == "proven" else f"**wrong** {rel} {proof['failure']}".strip()
    if figures["protected_by_proof"]:
        verdict += f" ({figures['protected_by_proof']} groups protected by it)"
    return [
        verdict,
        f"{100 * share(figures):.1f} %",
        "; ".join(f"{why} ({channels:,})" for why, channels in list(figures["protected"].items())[:3]),
        ", ".join(f"{figures[key]:.2f}" if key in figures else "?" for key in ("trace_s", "remove_s", "prove_s")),
        memory(figures),
        f"{figures['macs'] / 1e6:,.0f} M to {figures['macs_after'] / 1e6:,.0f} M",
        f"{figures['params'] / 1e6:.1f} M to {figures['params_after'] / 1e6:.1f} M",
        "yes" if figures["macs_agree"] else f"{figures['macs'] / figures['flop_counter_macs']:.3f}x",
    ]


def peer_cells(figures: dict[str, Any]) -> list[str]:
    """What became of it, share, times, memory."""
    rel = f" ({figures['max_rel']:.0e})" if figures["status"] == "differs" and figures.get("max_rel") else ""
    times = f"{figures['graph_s']:.1f}, {figures['prune_s']:.1f}" if "prune_s" in figures else ""
    failure = f": {figures['failure']}" if figures.get("failure") else ""
    cut = f"{100 * share(figures):.1f} %" if "removable_share" in figures else ""
    return [f"{figures['status']}{rel}{failure}", cut, times, memory(figures)]


def memory(figures: dict[str, Any]) -> str:
    """Peak resident memory of the process, torch itself (about 0.3 GiB) included."""
    return f"{figures['peak_gib']:.1f}" if "peak_gib" in figures else ""


if __name__ == "__main__":
    main()
