"""Damage the files of a run and of a bundle in every way we know, and give each to the commands that read it.

    python -m benchmarks.damaged_files.run --count 10000

A tiny run is bred, exported, measured and probed. Each input is that world with one file damaged: cut off, bits
flipped, values of another type, keys gone or twice, nested a hundred thousand deep, a zip bomb, a folder, a FIFO or a
link in its place. Half of those that a sum tells of are given the right sum again, as a forger would. Every command
that reads the file is then run on a copy, in a process of its own, and its end is one of these:

    refused     exit code 2 and one line that names the file
    flagged     exit code 1, or other figures, and a line that names the file or says what differs
    the same    the figures that it gives of the undamaged file
    another     a forged file, or one of the user's own, is what it is: figures of its own
    unnamed     refused in a line that does not name the file
    wordy       refused, and the last line does not say so
    wrong       other figures, and not a word
    traceback, crash (a signal), hang (over 10 s, twice), memory (a gigabyte more than undamaged), escapes (a terminal's
    control codes passed on)

All but the first four are faults. Resumable: outcomes are kept in --runs. `--only NUMBER` does a single input again,
says all, and leaves its folder. Results go to result.json and to the table in README.md, both beside this
script, unless --trial.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import re
import resource
import shutil
import signal
import sys
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from benchmarks.damaged_files.damage import OTHER, draw_kind, kinds_of
from benchmarks.damaged_files.damage.world import (
    READERS,
    build,
    environment,
    figures,
    files_of,
    forge,
    import_libraries,
    readers_of,
)

HERE = Path(__file__).resolve().parent
LIMIT_S = 10.0
MEMORY_KB = 1 << 20
# What comes from elsewhere has no sum that tells of damage: where it can be read, it is what it is.
GIVEN = ("bare/", "weights.", "old.", "config.toml")
GOOD = ("refused", "flagged", "the same", "another")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x9b]")


class End(NamedTuple):
    """How a command ended.

    Attributes:
        code: its exit code; below 0 a signal; None if it was killed for its time.
        said: what it wrote to standard output.
        complained: and to standard error.
        memory_kb: the most that it had.
        duration_s: how long it took.
    """

    code: int | None
    said: str
    complained: str
    memory_kb: int
    duration_s: float


def main() -> None:
    """Run what is missing, write the results."""
    arguments = _arguments()
    world = (arguments.runs / "world").resolve()
    build(world)
    import_libraries()
    baselines = {name: _undamaged(world, name) for name in READERS}
    if arguments.only is not None:
        print(json.dumps(_input(world, arguments, arguments.only, baselines, keep=True), indent=1))
        return
    start = time.perf_counter()
    logs = [arguments.runs / f"outcomes-{arguments.seed}-{worker}.jsonl" for worker in range(arguments.workers)]
    missing = sorted(set(range(arguments.count)) - set(_known(arguments)))
    workers = [
        os.fork() or _work(world, arguments, log, missing[k :: len(logs)], baselines) for k, log in enumerate(logs)
    ]
    for worker in workers:
        os.waitpid(worker, 0)
    rows = _known(arguments)
    done = [rows[number] for number in range(arguments.count)]
    document = _document(arguments, done)
    print(f"{len(done)} inputs, {document['commands']} commands, {time.perf_counter() - start:.0f} s now")
    print(table(document))
    if not arguments.trial:
        from benchmarks.shared.tables import write_table
        from edgesynth.lineage.storage.files import write_json

        write_json(HERE / "result.json", document)
        write_table(HERE / "README.md", "damaged_files", table(document))


def _known(arguments: argparse.Namespace) -> dict[int, dict[str, Any]]:
    """{input: what came of it} of all that was done, now or before."""
    logs = sorted(arguments.runs.glob(f"outcomes-{arguments.seed}-*.jsonl"))
    rows = [json.loads(line) for log in logs for line in log.read_text().splitlines()]
    return {row["input"]: row for row in rows}


def _work(world: Path, arguments: argparse.Namespace, log: Path, numbers: list[int], baselines: Any) -> NoReturn:
    """One worker's inputs, in a fork of this process."""
    try:
        with open(log, "a") as file:
            for number in numbers:
                row = _input(world, arguments, number, baselines)
                file.write(json.dumps(row) + "\n")
                file.flush()
                faults = {name: end for name, end in row["ends"].items() if end["outcome"] not in GOOD}
                for name, end in faults.items():
                    print(f"{number} {row['file']} {row['kind']}: {name}: {end}", flush=True)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10000, help="damaged inputs")
    parser.add_argument("--seed", type=int, default=0, help="source of the damage")
    parser.add_argument("--of-run", type=float, default=0.3, help="share of the inputs that are a run's files")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes")
    parser.add_argument("--file", default="", help="only files whose path has this in it")
    parser.add_argument("--readers", type=int, help="commands for each input, drawn at random  [default: all]")
    parser.add_argument("--runs", type=Path, default=Path("runs/damaged_files"), help="where the world and the log are")
    parser.add_argument("--only", type=int, help="a single input, once more and in full")
    parser.add_argument("--trial", action="store_true", help="leave the results beside this script alone")
    return parser.parse_args()


def _undamaged(world: Path, name: str) -> dict[str, Any]:
    """Exit code and figures of a command on the world as it is."""
    copy = _copy(world)
    end = _run(copy, READERS[name].words, 60.0)
    undamaged = {"code": end.code, "figures": figures(copy, READERS[name], end.said), "memory_kb": end.memory_kb}
    undamaged["said"] = sorted({*end.said.splitlines(), *end.complained.splitlines()})
    assert end.code in (0, 1), f"{name} fails undamaged: {end.said}{end.complained}"
    shutil.rmtree(copy)
    return undamaged


def _input(
    world: Path, arguments: argparse.Namespace, number: int, baselines: dict[str, Any], keep: bool = False
) -> dict[str, Any]:
    """Damage one file, and give it to each command that reads it."""
    draws = random.Random(f"{arguments.seed}/{number}")
    part = "run" if draws.random() < arguments.of_run else "bundle"
    files = [file for file in files_of(world, part) if arguments.file in file]
    file = draws.choice(files)
    kind = draw_kind(world / file, draws)
    damaged = _copy(world)
    kinds_of(world / file)[kind](damaged / file, draws)
    forged = draws.random() < 0.5 and forge(damaged, file)
    names = readers_of(part, file)
    if arguments.readers is not None:
        names = draws.sample(names, min(arguments.readers, len(names)))
    ends = {}
    for name in names:
        copy = _copy(damaged)
        end = _run(copy, READERS[name].words, LIMIT_S)
        if end.code is None:
            shutil.rmtree(copy)
            copy = _copy(damaged)
            end = _run(copy, READERS[name].words, LIMIT_S)
        own = forged or file.startswith(GIVEN) or kind == OTHER
        outcome = _outcome(end, name, file, figures(copy, READERS[name], end.said), baselines[name], own)
        words = end.complained.strip().splitlines()[-1:] or end.said.strip().splitlines()[-1:]
        ends[name] = {"outcome": outcome, "code": end.code, "last": "".join(words)[:300], "s": end.duration_s}
        if keep:
            ends[name].update(said=end.said, complained=end.complained, folder=str(copy))
        else:
            shutil.rmtree(copy)
    if not keep:
        shutil.rmtree(damaged)
    return {"input": number, "part": part, "file": file, "kind": kind, "forged": forged, "ends": ends}


def _outcome(end: End, name: str, file: str, seen: Any, undamaged: dict[str, Any], own: bool) -> str:
    said = end.said + end.complained
    if end.code is None:
        return "hang"
    if "Traceback (most recent call last)" in said:
        return "traceback"
    if end.code < 0:
        return "crash"
    if end.memory_kb > undamaged["memory_kb"] + MEMORY_KB:
        return "memory"
    if _CONTROL.search(said):
        return "escapes"
    lines = [line for line in end.complained.splitlines() if line.strip()]
    more = "".join(set(said.splitlines()) - set(undamaged["said"]))
    named = Path(file).name in more or ("individuals" in file and Path(file).parent.name in more)
    named = named or (file == "bundle/manifest.json" and "manifest" in more)
    if end.code == 2:
        begin = next((place for place, line in enumerate(lines) if line.startswith("edgesynth: ")), len(lines))
        # A list may follow, indented.
        if begin == len(lines) or not all(line.startswith("  ") for line in lines[begin + 1 :]):
            return "wordy"
        return "refused" if named else "unnamed"
    if (end.code, seen) == (undamaged["code"], undamaged["figures"]):
        return "the same"
    if name in ("verify", "replay") and end.code == 1:
        return "flagged"
    if name.startswith("plan") and end.code == 1 and own:
        return "flagged"
    if named:
        return "flagged"
    return "another" if own else "wrong"


def _copy(folder: Path) -> Path:
    """A copy beside it; links and FIFOs as they are."""
    target = folder.parent / f"copy-{os.getpid()}-{time.monotonic_ns()}"
    target.mkdir()
    for place, folders, names in os.walk(folder):
        there = target / Path(place).relative_to(folder)
        for name in folders + names:
            source = Path(place) / name
            if source.is_symlink():
                (there / name).symlink_to(os.readlink(source))
            elif source.is_dir():
                (there / name).mkdir()
            elif source.is_fifo():
                os.mkfifo(there / name)
            else:
                shutil.copyfile(source, there / name)
    return target


def _run(folder: Path, words: list[str], limit_s: float) -> End:
    """Run a command in a fork of this process."""
    streams = [folder / ".stdout", folder / ".stderr"]
    child = os.fork()
    if not child:
        _be_the_command(folder, words, streams)
    start = time.monotonic()
    deadline = start + limit_s
    while True:
        done, status, usage = os.wait4(child, os.WNOHANG)
        if done:
            break
        if time.monotonic() > deadline:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)
            _, status, usage = os.wait4(child, 0)
            break
        time.sleep(0.005)
    code = os.waitstatus_to_exitcode(status)
    texts = [stream.read_text(errors="replace") for stream in streams]
    for stream in streams:
        stream.unlink()
    killed = time.monotonic() > deadline and code == -signal.SIGKILL
    took_s = round(time.monotonic() - start, 2)
    return End(None if killed else code, texts[0], texts[1], usage.ru_maxrss, took_s)


def _be_the_command(folder: Path, words: list[str], streams: list[Path]) -> None:
    """The child's part; never returns."""
    code = 1
    try:
        os.setsid()
        for number, path in enumerate((os.devnull, *streams)):
            os.dup2(os.open(path, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        os.chdir(folder)
        surroundings = environment(folder)
        os.environ.clear()
        os.environ.update(surroundings)
        sys.argv = ["edgesynth", *words]
        sys.path[0] = str(folder)
        # What is beyond any good use would end this machine, not the command.
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 30, hard))
        from edgesynth.cli import main as edgesynth

        edgesynth()
        code = 0
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else int(bool(stop.code))
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _document(arguments: argparse.Namespace, rows: list[dict[str, Any]]) -> dict[str, Any]:
    counts: dict[str, Counter[str]] = {}
    for row in rows:
        for end in row["ends"].values():
            counts.setdefault(row["part"], Counter())[end["outcome"]] += 1
    faulty = [row for row in rows if any(end["outcome"] not in GOOD for end in row["ends"].values())]
    return {
        "benchmark": "damaged_files",
        "seed": arguments.seed,
        "inputs": len(rows),
        "commands": sum(len(row["ends"]) for row in rows),
        "kinds": dict(sorted(Counter(row["kind"] for row in rows).items())),
        "outcomes": {part: dict(sorted(count.items())) for part, count in sorted(counts.items())},
        "inputs_with_faults": len(faulty),
        "faults": faulty[:50],
    }


def table(document: dict[str, Any]) -> str:
    """Markdown of the results."""
    outcomes = document["outcomes"]
    names = [*GOOD, *sorted({name for count in outcomes.values() for name in count} - set(GOOD))]
    lines = ["| files of | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
    for part, count in outcomes.items():
        lines.append(f"| a {part} | " + " | ".join(f"{count.get(name, 0):,}" for name in names) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
