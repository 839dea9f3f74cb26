"""The world whose files are damaged: a tiny run, its bundle, results, a probe's table, weights; and who reads them."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

NETWORK = '''
    """A network that learns digits in a moment."""

    from torch import nn


    def build():
        return nn.Sequential(
            nn.Conv2d(1, 6, 7, stride=5), nn.ReLU(), nn.Flatten(), nn.Linear(150, 20), nn.ReLU(), nn.Linear(20, 10)
        )
'''
NETWORK_AND_TASK = ["--ancestor", "small:build", "--task", "digits", "--threads", "1"]
BREEDING = [*NETWORK_AND_TASK, "--epochs", "1", "--final-epochs", "1", "--min-accuracy", "15"]
# Whatever the weights are worth: what is asked is whether they are read.
QUICK = [*NETWORK_AND_TASK, "--ancestor-epochs", "0", "--generations", "1", "--offspring", "1", "--epochs", "0"]
QUICK += ["--final-epochs", "0", "--min-accuracy", "0"]
SHORT = ["--duration-s", "0.01", "--warm-up-s", "0", "--idle-s", "0"]
PROBING = ["--precision", "fp32", "--each-s", "0.01"]


class Reader(NamedTuple):
    """A command that reads files of the world.

    Attributes:
        words: its arguments.
        part: "run" or "bundle": whose files it reads.
        reads: what the paths of its files begin with.
        writes: files that it writes and whose content is compared, if they are there.
        keeps: of a JSON among them, the fields that are compared; all if there are none.
    """

    words: list[str]
    part: str
    reads: tuple[str, ...]
    writes: tuple[str, ...] = ()
    keeps: tuple[str, ...] = ()


SCORED = ("accuracy_percent", "max_abs_error", "precision", "batch", "bytes", "file", "scored_samples")
READERS = {
    "verify": Reader(["verify", "bundle"], "bundle", ("bundle/",)),
    "plan": Reader(["plan", "bundle", "--board", "tx2"], "bundle", ("bundle/",)),
    "benchmark": Reader(
        ["benchmark", "bundle", *SHORT, "-o", "out.json"], "bundle", ("bundle/",), ("out.json",), SCORED
    ),
    "plan of a file": Reader(["plan", "bare/model.onnx", "--board", "tx2"], "bundle", ("bare/",)),
    "benchmark of a file": Reader(
        ["benchmark", "bare/model.onnx", *SHORT, "-o", "out.json"], "bundle", ("bare/",), ("out.json",), SCORED
    ),
    "compare": Reader(["compare", "results/a.json", "results/b.json", "--anyway"], "bundle", ("results/",)),
    "plan by a probe": Reader(["plan", "bundle", "--board", "tx2", "--probe", "board.json"], "bundle", ("board.json",)),
    "probe": Reader(
        ["probe", "bundle", "-o", "table.json", *PROBING, "--duration-s", "0.01"],
        "bundle",
        ("table.json",),
    ),
    **{
        f"evolve from {file}": Reader(
            ["evolve", *QUICK, "--weights", file, "--run", "new"],
            "bundle",
            (file,),
        )
        for file in ("weights.safetensors", "weights.pth", "old.pth")
    },
    "evolve by a file": Reader(
        ["evolve", *QUICK, "--ancestor-epochs", "1", "--config", "config.toml", "--run", "new"],
        "bundle",
        ("config.toml",),
    ),
    "report": Reader(["report", "run"], "run", ("run/",)),
    "export": Reader(["export", "run", "-o", "out"], "run", ("run/",), ("out/manifest.json",), ("samples", "census")),
    "replay": Reader(["replay", "run:g001-c0"], "run", ("run/",)),
    "resume": Reader(
        ["evolve", "--run", "run", "--resume"],
        "run",
        ("run/",),
        ("run/outcome.json", "run/test.json", "run/task.json", "run/config.toml"),
    ),
}
# Files that no command is said to read back.
IGNORED = ("README.md", "report.html")


def build(folder: Path) -> None:
    """Make the world, once.

    Args:
        folder: of the world; one that is there is kept.
    """
    done = folder / ".done"
    if done.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "small.py").write_text(textwrap.dedent(NETWORK).lstrip())
    evolve = ["evolve", *BREEDING, "--ancestor-epochs", "6", "--generations", "2", "--keep", "0.6", "--run", "run"]
    command(folder, *evolve)
    command(folder, "export", "run", "--int8", "-o", "bundle")
    for name in ("a", "b"):
        (folder / "results").mkdir(exist_ok=True)
        command(folder, "benchmark", "bundle", *SHORT, "-o", f"results/{name}.json")
    _bare_file(folder)
    _table(folder)
    _weights(folder)
    (folder / "config.toml").write_text(
        'ancestor = "small:build"\ntask = "digits"\nancestor_epochs = 1\ngenerations = 1\nepochs = 0\n'
        "final_epochs = 0\nkeep = 0.8\nmin_accuracy = 1.0\nthreads = 1\nseed = 3\n"
    )
    done.touch()


def files_of(folder: Path, part: str) -> list[str]:
    """Paths of the files of a part that some command reads, relative to the world."""
    starts = tuple(start for reader in READERS.values() if reader.part == part for start in reader.reads)
    paths = (str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in paths if path.startswith(starts) and not path.endswith(IGNORED))


def readers_of(part: str, file: str) -> list[str]:
    """Names of the commands that read a file."""
    return [name for name, reader in READERS.items() if reader.part == part and file.startswith(reader.reads)]


def command(folder: Path, *words: str) -> None:
    """Run a command that must go well, in a process of its own."""
    code = "from edgesynth.cli import main; main()"
    subprocess.run([sys.executable, "-c", code, *words], cwd=folder, check=True, stdout=subprocess.DEVNULL)


def import_libraries() -> None:
    """What commands import when they first need it: children of a fork have it.

    Not ONNX Runtime, which starts threads that a child would lack.
    """
    modules = ["evolve", "export", "plan", "replay", "report", "verify", "benchmark", "compare", "probe"]
    libraries = ["torch._dynamo", "torch.export._trace", "torch.onnx.utils", "onnxslim", "sklearn.datasets"]
    libraries += ["edgesynth.report.page", "matplotlib.backends.backend_svg", "rich.status", "safetensors.torch"]
    libraries += ["torch.onnx._internal.torchscript_exporter.symbolic_opset18", "torch._functorch.aot_autograd"]
    libraries += ["torch._export.serde.serialize", "torch._export.non_strict_utils", "edgesynth.evolution"]
    for module in (*libraries, *(f"edgesynth.cli.commands.{name}" for name in modules)):
        with contextlib.suppress(ImportError):  # of another release
            importlib.import_module(module)


def _bare_file(folder: Path) -> None:
    import onnx

    model = onnx.load(str(folder / "bundle" / "model.onnx"))
    (folder / "bare").mkdir(exist_ok=True)
    onnx.save_model(
        model,
        str(folder / "bare" / "model.onnx"),
        save_as_external_data=True,
        location="model.onnx.data",
        size_threshold=64,
    )


def _table(folder: Path) -> None:
    """A probe's table, and another that is said to be of a board, so that plan takes it."""
    command(
        folder, *["probe", "bundle", "-o", "table.json", "--precision", "fp32", "--duration-s", "2", "--each-s", "0.01"]
    )
    from edgesynth.benchmark.result.result import write_result
    from edgesynth.boards.probed import read_table

    table = read_table(str(folder / "table.json"))
    table.facts["board"], table.facts["engine"] = "tx2", {"name": "tensorrt", "version": "8.2.1"}
    write_result(str(folder / "board.json"), table.to_json())


def _weights(folder: Path) -> None:
    """The ancestor's, in each form that a file of weights has."""
    import safetensors.torch
    import torch

    tensors = safetensors.torch.load_file(folder / "run" / "individuals" / "g000-c0" / "weights.safetensors")
    (folder / "weights.safetensors").write_bytes(safetensors.torch.save(tensors))
    torch.save(tensors, folder / "weights.pth")
    torch.save(tensors, folder / "old.pth", _use_new_zipfile_serialization=False)


def forge(folder: Path, file: str) -> bool:
    """Put the sums right that tell of a damaged file, as whoever forged it would; whether there were any."""
    from edgesynth.benchmark.bundle.bundle import sha256_of
    from edgesynth.files.json_file import SEAL, sealed

    path = folder / file
    if not path.is_file() or path.is_symlink():
        return False
    manifest = folder / "bundle" / "manifest.json"
    with contextlib.suppress(ValueError, RecursionError, TypeError, AttributeError):
        if path.parent == manifest.parent and path != manifest:
            document = json.loads(manifest.read_text())
            document["files"][path.name].update(sha256=sha256_of(str(path)), bytes=path.stat().st_size)
            manifest.write_text(json.dumps(sealed(document)))
            return True
        document = json.loads(path.read_text())
        if SEAL in document:
            path.write_text(json.dumps(sealed(document)))
            return True
    return False


def figures(folder: Path, reader: Reader, said: str) -> Any:
    """What is compared of a command that went well: its lines without times, and fields of what it wrote."""
    lines = [line for line in said.splitlines() if not line.startswith(("measured in", "written"))]
    if "benchmark" in reader.words[0] or reader.words[0] in ("probe",):
        lines = []  # latencies
    written = {}
    for name in reader.writes:
        path = folder / name
        if path.is_symlink() or not path.is_file():  # such as a FIFO, or /dev/zero
            continue
        with contextlib.suppress(OSError, ValueError):
            text = path.read_text()
            written[name] = _kept(json.loads(text), reader.keeps) if path.suffix == ".json" else text
    return {"lines": [_without_times(line) for line in lines], "written": written}


def _without_times(line: str) -> str:
    return re.sub(r"\s+(\d+(\.\d+)? m?s\b|kept from before)", " TIME", line)


def _kept(document: Any, fields: tuple[str, ...]) -> Any:
    """All values of these names, wherever they stand in a document."""
    if not fields:
        return document
    return [[key, value] for key, value in _pairs(document) if key in fields]


def _pairs(document: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(document, dict):
        for key, value in document.items():
            yield key, value
            yield from _pairs(value)
    elif isinstance(document, list):
        for value in document:
            yield from _pairs(value)


def environment(folder: Path) -> dict[str, str]:
    """Caches and locks of a command are in its own folder."""
    kept = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "TERM")}
    return {**kept, "XDG_CACHE_HOME": str(folder / ".cache"), "EDGESYNTH_LOCK": str(folder / ".lock")}
