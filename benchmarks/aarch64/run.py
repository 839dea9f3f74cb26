"""A bundle on the code of a board: `edgesynth benchmark` and `verify` by numpy and ONNX Runtime for aarch64, emulated.

    python -m benchmarks.aarch64.run

Debian's arm64 files, the packages' own aarch64 wheels and qemu, which plays a Cortex-A57. It needs the tools
`mmdebstrap` and `qemu-aarch64-static`, and Debian's and Python's package indices. Times of an emulator say nothing and
are not kept: what is shown is that the code runs there, and that its answers are those of the export.

Without --bundle a small LeNet-5 is bred on scikit-learn's digits and exported with INT8.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.aarch64.world import CPU, World
from benchmarks.shared.lineages import machine
from benchmarks.shared.tables import write_table
from edgesynth.errors import UserError
from edgesynth.lineage.storage.files import write_json

HERE = Path(__file__).resolve().parent
BREEDING = {
    "--ancestor": "lenet5",
    "--task": "digits",
    "--ancestor-epochs": "6",
    "--epochs": "2",
    "--final-epochs": "4",
    "--generations": "1",
    "--offspring": "1",
    "--keep": "0.5",
    "--min-accuracy": "80",
}
QUICKLY = ("--duration-s", "1", "--warm-up-s", "0.2")
KEPT = ("max_rel", "accuracy_percent")  # of each hop
VERSIONS = (
    "import json, platform, numpy, onnxruntime; print(json.dumps({'machine': platform.machine(), 'python': "
    "platform.python_version(), 'numpy': numpy.__version__, 'onnxruntime': onnxruntime.__version__}))"
)


def main() -> None:
    """Make the world and the bundle, run both commands there and here, write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, help="of `edgesynth export`")
    parser.add_argument("--work", type=Path, default=Path("runs/aarch64"), help="where files are kept")
    parser.add_argument("--trial", action="store_true", help="print only")
    arguments = parser.parse_args()
    world = World(arguments.work.resolve())
    bundle = (arguments.bundle or exported(arguments.work)).resolve()
    document = {
        "benchmark": "aarch64",
        "machine": machine(),
        "emulated": {"cpu": CPU, **json.loads(succeeded(world.run("-c", VERSIONS)).stdout)},
        "hops": hops(bundle, world),
        "benchmark_accuracy_percent": measured(bundle, world, arguments.work.resolve() / "result.json"),
    }
    print(table(document))
    if not arguments.trial:
        write_json(HERE / "result.json", document)
        write_table(HERE / "README.md", "aarch64", table(document))


def exported(work: Path) -> Path:
    """A small bundle, made where it is not there yet."""
    run, bundle = work / "run", work / "bundle"
    if not bundle.is_dir():
        options = [part for pair in BREEDING.items() for part in pair]
        here("evolve", *options, "--run", str(run))
        here("export", str(run), "--int8", "--int8-cpu-layers", "all", "-o", str(bundle))
    return bundle


def hops(bundle: Path, world: World) -> list[dict[str, Any]]:
    """Each form of the network: its largest error against the export's, and its metric, there and here."""
    verify = ("verify", str(bundle), "--json")
    rows = []
    for there, own in zip(documents(world.run("-m", "edgesynth", *verify)), documents(here(*verify)), strict=True):
        figures = {f"{name}_{key}": hop[key] for name, hop in (("aarch64", there), ("here", own)) for key in KEPT}
        rows.append({"hop": there["hop"], "ok": there["ok"], **figures})
    return rows


def documents(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    """Hops that `edgesynth verify` printed."""
    hops: list[dict[str, Any]] = json.loads(succeeded(done).stdout)["hops"]
    return hops


def measured(bundle: Path, world: World, output: Path) -> dict[str, float]:
    """Accuracy of each precision that `edgesynth benchmark` ran there."""
    succeeded(world.run("-m", "edgesynth", "benchmark", str(bundle), *QUICKLY, "-o", str(output)))
    measurements = json.loads(output.read_text())["measurements"]
    return {row["precision"]: row["accuracy_percent"] for row in measurements}


def here(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Call edgesynth on this machine."""
    return succeeded(subprocess.run([sys.executable, "-m", "edgesynth", *arguments], capture_output=True, text=True))


def succeeded(done: subprocess.CompletedProcess[str]) -> subprocess.CompletedProcess[str]:
    """The same, if it ended well.

    Raises:
        UserError: it did not; with its last line.
    """
    if done.returncode:
        raise UserError(f"exit code {done.returncode}: {(done.stderr.strip().splitlines() or ['no message'])[-1]}")
    return done


def table(document: dict[str, Any]) -> str:
    """Markdown of the results."""
    emulated = document["emulated"]
    lines = [
        f"{emulated['machine']}, {emulated['cpu']} emulated, Python {emulated['python']}, numpy {emulated['numpy']}, "
        f"ONNX Runtime {emulated['onnxruntime']}; beside it {document['machine']['machine']}.",
        "",
        "| form | error against the export, aarch64 | here | accuracy, aarch64 | here | as exported |",
        "|---|---|---|---|---|---|",
    ]
    for row in document["hops"]:
        lines.append(
            f"| {row['hop']} | {row['aarch64_max_rel']:.1e} | {row['here_max_rel']:.1e} "
            f"| {row['aarch64_accuracy_percent']:.2f} % | {row['here_accuracy_percent']:.2f} % "
            f"| {'yes' if row['ok'] else 'NO'} |"
        )
    told = ", ".join(f"{name} {percent:.2f} %" for name, percent in document["benchmark_accuracy_percent"].items())
    return "\n".join([*lines, "", f"`edgesynth benchmark` there: {told}."])


if __name__ == "__main__":
    main()
