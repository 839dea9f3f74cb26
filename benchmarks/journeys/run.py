"""The journey of bred networks to a board: export, plan and benchmark, by the commands, the same for every kind.

    python -m benchmarks.journeys.run RUN [RUN ...]

RUN is a finished run directory of `edgesynth evolve`, such as those that the other scripts leave in their --runs. Its
best individual and its ancestor are exported with --int8, planned for every board and benchmarked here, each by one
command that knows nothing of what kind of network it is. A command that fails ends the script with what it said.

Rows that are there stay: a run that is given replaces that of the same network and task. Results go to result.json
and to the table in README.md, both beside this script; --trial prints the table alone.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.shared.lineages import ANCESTOR, epochs_of, machine
from benchmarks.shared.tables import write_table
from edgesynth.lineage import Run
from edgesynth.lineage.storage.files import write_json

HERE = Path(__file__).resolve().parent
EDGESYNTH = Path(sys.executable).with_name("edgesynth")
NAME = "journeys"
BOARD = "tx2"
PRECISIONS = ("fp32", "int8")


def main() -> None:
    """Take each run to the boards, write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="finished run directories")
    parser.add_argument("--duration-s", type=float, default=3.0, help="of each measurement")
    parser.add_argument("--trial", action="store_true", help="leave the results beside this script alone")
    arguments = parser.parse_args()
    file = HERE / "result.json"
    document: dict[str, Any] = {"benchmark": NAME, "runs": {}}
    if file.is_file():
        document = json.loads(file.read_text())
    for path in arguments.runs:
        run = Run.open(path)
        key = f"{run.config.ancestor}, {run.config.task}"
        print(key, flush=True)
        with tempfile.TemporaryDirectory() as work:
            document["runs"][key] = journey(run, Path(work), arguments.duration_s)
        if not arguments.trial:
            write_json(file, document)
    text = table(document)
    print(text)
    if not arguments.trial:
        write_table(HERE / "README.md", NAME, text)


def journey(run: Run, work: Path, duration_s: float) -> dict[str, Any]:
    """One run's row: the ancestor and the best individual, each through the same three commands."""
    best = run.outcome()["best"]
    return {
        "machine": machine(),
        "epochs": sum(map(epochs_of, run.records())),
        "networks": {name: of_one(run, name, work / name, duration_s) for name in (ANCESTOR, best)},
    }


def of_one(run: Run, individual: str, bundle: Path, duration_s: float) -> dict[str, Any]:
    """What the three commands say of one individual."""
    command("export", f"{run.path}:{individual}", "--int8", "-o", bundle)
    plans = json.loads(command("plan", bundle, "--json", may_end_with=(0, 1)))
    result = bundle / "result.json"
    precisions = ("--precision", ",".join(PRECISIONS))
    command("benchmark", bundle, *precisions, "--duration-s", duration_s, "--idle-s", 0, "-o", result)
    census, measured = run.record(individual).census, json.loads(result.read_text())
    (board,) = [plan for plan in plans if plan["board"] == BOARD]
    (build,) = [build for build in board["builds"] if build["precision"] == board["recommended"]]
    return {
        "metric": measured["metric"],
        "census": {"synapses": census.synapses, "params": census.params, "macs": census.macs},
        "boards": {plan["board"]: plan["recommended"] if plan["will_run"] else None for plan in plans},
        "predicted_ms": build["predicted"]["latency_ms"],
        "predicted_precision": build["precision"],
        "predicted_error": build["predicted"]["error"],
        "bytes": (bundle / "model.fp16.onnx").stat().st_size,
        "measured": {
            measurement["precision"]: {
                "accuracy_percent": measurement["accuracy_percent"],
                "p50_ms": measurement["latency_ms"]["p50"],
            }
            for measurement in measured["measurements"]
        },
    }


def command(*words: Any, may_end_with: tuple[int, ...] = (0,)) -> str:
    """What `edgesynth WORDS` prints; ends this script with its message if it fails."""
    done = subprocess.run([EDGESYNTH, *map(str, words)], capture_output=True, text=True)
    if done.returncode not in may_end_with:
        sys.exit(f"edgesynth {' '.join(map(str, words))}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def table(document: dict[str, Any]) -> str:
    """Markdown of the results."""
    lines = [
        "| network, task | epochs | synapses | MACs | fp32 (ancestor) | INT8 (ancestor) | boards that run it "
        "| TX2, predicted | ONNX Runtime here, fp32 | ONNX Runtime here, INT8 | fp16 file |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [line(key, run["epochs"], *run["networks"].values()) for key, run in document["runs"].items()]
    return "\n".join(lines)


def line(key: str, epochs: int, ancestor: dict[str, Any], best: dict[str, Any]) -> str:
    """One row of the table."""
    smaller = {name: ancestor["census"][name] / best["census"][name] for name in ("synapses", "macs")}
    scores = {
        precision: f"{best['measured'][precision]['accuracy_percent']:.2f} % {best['metric']} "
        f"({ancestor['measured'][precision]['accuracy_percent']:.2f} %)"
        for precision in PRECISIONS
    }
    faster = {
        precision: ancestor["measured"][precision]["p50_ms"] / best["measured"][precision]["p50_ms"]
        for precision in PRECISIONS
    }
    running = sum(precision is not None for precision in best["boards"].values())
    return (
        f"| {key} | {epochs} | {smaller['synapses']:.1f}x fewer | {smaller['macs']:.1f}x fewer | {scores['fp32']} "
        f"| {scores['int8']} | {running} of {len(best['boards'])} "
        f"| {ancestor['predicted_ms']:.2f} to {best['predicted_ms']:.2f} ms ({best['predicted_precision']}) "
        f"| {faster['fp32']:.1f}x faster | {faster['int8']:.1f}x faster "
        f"| {ancestor['bytes'] / 1024:,.0f} to {best['bytes'] / 1024:,.0f} KiB |"
    )


if __name__ == "__main__":
    main()
