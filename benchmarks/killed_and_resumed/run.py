"""Kill a run with SIGKILL at random moments, go on with it, and compare the lineage with one that was never broken.

    python -m benchmarks.killed_and_resumed.run

Twenty runs of LeNet-5 on scikit-learn's digits. Each is killed at a random moment, from before its first file to after
its last, and again while it goes on, until it has been killed three times; then it is left to finish. Every file that a
replay must give again is compared bit for bit with those of the unbroken run: records, genomes, weights, outcome.

Resumable: finished trials are kept in --runs. Results go to result.json and to the table in README.md, both
beside this script, after every run.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.shared.lineages import machine
from benchmarks.shared.tables import write_table
from edgesynth.lineage.storage.files import write_json

HERE = Path(__file__).resolve().parent
OPTIONS = {
    "ancestor": "lenet5",
    "task": "digits",
    "ancestor-epochs": 6,
    "generations": 3,
    "epochs": 2,
    "final-epochs": 3,
    "min-accuracy": 20,
    "threads": 1,
}
COMPARED = ("individual.json", "genome.json", "weights.safetensors", "outcome.json", "test.json", "config.toml")
KILLS = 3


def main() -> None:
    """Run what is missing, write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=20, help="runs to kill")
    parser.add_argument("--seed", type=int, default=0, help="source of the random moments")
    parser.add_argument("--runs", type=Path, default=Path("runs/killed_and_resumed"), help="where runs are kept")
    arguments = parser.parse_args()
    arguments.runs.mkdir(parents=True, exist_ok=True)

    unbroken, duration_s = bred_unbroken(arguments.runs / "unbroken")
    trials = []
    for number in range(arguments.trials):
        trials.append(trial(arguments.runs, number, arguments.seed, unbroken, duration_s))
        document = {
            "benchmark": "killed_and_resumed",
            "options": OPTIONS,
            "machine": machine(),
            "files_compared": len(unbroken),
            "trials": trials,
        }
        write_json(HERE / "result.json", document)
        write_table(HERE / "README.md", "killed_and_resumed", table(document))
    print(table(document))


def bred_unbroken(folder: Path) -> tuple[dict[str, str], float]:
    """Fingerprint of the run that nobody disturbs, and its seconds."""
    seconds = folder.with_suffix(".json")
    if not seconds.exists():
        shutil.rmtree(folder, ignore_errors=True)
        start = time.perf_counter()
        begin(folder, resume=False).wait()
        seconds.write_text(json.dumps(time.perf_counter() - start))
    return fingerprint(folder), json.loads(seconds.read_text())


def trial(runs: Path, number: int, seed: int, unbroken: dict[str, str], duration_s: float) -> dict[str, Any]:
    """One run that is killed `KILLS` times and then finishes."""
    kept, folder = runs / f"trial-{number:03d}.json", runs / f"trial-{number:03d}"
    if kept.exists():
        return json.loads(kept.read_text())
    shutil.rmtree(folder, ignore_errors=True)
    draws, moments = random.Random(f"{seed}/{number}"), []
    while len(moments) < KILLS:
        process = begin(folder, resume=(folder / "config.toml").exists())
        after_s = draws.uniform(0, duration_s)
        try:
            process.wait(timeout=after_s)
            break  # it had finished before its time had come
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            moments.append({"after_s": after_s, "individuals": len(list(folder.glob("individuals/*/individual.json")))})
    finished = begin(folder, resume=(folder / "config.toml").exists()).wait()
    after = fingerprint(folder)
    result = {
        "trial": number,
        "killed": moments,
        "exit_code": finished,
        "differing_files": sorted(name for name in {*after, *unbroken} if after.get(name) != unbroken.get(name)),
    }
    kept.write_text(json.dumps(result))
    print(f"trial {number}: killed {len(moments)} times, {len(result['differing_files'])} files differ", flush=True)
    return result


def begin(folder: Path, resume: bool) -> subprocess.Popen[bytes]:
    """`edgesynth evolve` in a process of its own."""
    code = "from edgesynth.cli import main; main()"
    options = [word for name, value in OPTIONS.items() for word in (f"--{name}", str(value))]
    command = [sys.executable, "-c", code, "evolve", *options, "--run", str(folder)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command + ["--resume"] * resume, stdout=subprocess.DEVNULL, env=environment)


def fingerprint(folder: Path) -> dict[str, str]:
    """{file: SHA-256} of what a replay must give again."""
    files = sorted(path for path in folder.rglob("*") if path.name in COMPARED)
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def table(document: dict[str, Any]) -> str:
    """Markdown of the results."""
    trials = document["trials"]
    kills = [kill for outcome in trials for kill in outcome["killed"]]
    same = sum(not outcome["differing_files"] and outcome["exit_code"] == 0 for outcome in trials)
    lines = [
        "| runs killed | kills | files compared in each | runs that ended the same, bit for bit |",
        "|---|---|---|---|",
        f"| {len(trials)} | {len(kills)} | {document['files_compared']} | **{same}** |",
        "",
        "| individuals finished at the kill | " + " | ".join(map(str, range(8))) + " |",
        "|---|" + "---|" * 8,
        "| kills | "
        + " | ".join(str(sum(kill["individuals"] == count for kill in kills)) for count in range(8))
        + " |",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
