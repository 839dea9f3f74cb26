"""What `plan` says that TensorRT takes, held against NVIDIA's own parser and compiler, beside a peer.

    python -m benchmarks.compiler_zoo.run --trtcheck PYTHON

Three kinds of files: networks of torchvision in every form that a bundle has, small files that are refused or near it,
and the node tests of ONNX. Each is read by `plan` with its table for TensorRT 10, by trtcheck, and by the parser and
builder of TensorRT for RTX, which need no GPU; where they built a quantized network, its engine is read.

Each network, each kind of small files and each part of the node tests has a process of its own. Resumable: each
finished row is kept in --work (delete a file there to repeat it), and so are the networks' files. Results go to
result.json and to the table in README.md, both beside this script, unless only some rows are named. --bundles adds
exported bundles to the ledger of INT8 and leaves all else as it was.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.compiler_zoo.tables import disagreement, tables
from benchmarks.shared.own_process import crashed, kept_row
from benchmarks.shared.tables import write_table
from edgesynth.lineage.storage.files import write_json

HERE = Path(__file__).resolve().parent
NETWORK, SMALL, NODES, BUNDLE = "network", "small", "nodes", "bundle"


def main() -> None:
    """Judge what is not judged yet, write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", help="only these, as network/resnet18 (printed, not written)")
    parser.add_argument("--trtcheck", default="python3", metavar="PYTHON", help="the Python that has the peer")
    parser.add_argument("--bundles", nargs="*", type=Path, default=[], metavar="DIR", help="bundles for the ledger")
    parser.add_argument("--work", type=Path, default=Path("runs/compiler_zoo"), help="where rows and files are kept")
    parser.add_argument("--timeout", type=int, default=3600, help="seconds for one row")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        one(arguments.one, arguments)
        return
    bundles = [f"{BUNDLE}/{folder.resolve()}" for folder in arguments.bundles]
    names = bundles or arguments.rows or rows()
    made = {}
    for number, name in enumerate(names, 1):
        made[name] = row(name, arguments)
        print(f"{number} of {len(names)}: {name}: {disagreement(made[name])}", flush=True)
    if not arguments.rows:
        publish(document(made))


def rows() -> list[str]:
    """Names of all rows, bundles left out."""
    from benchmarks.compiler_zoo.networks import NETWORKS
    from benchmarks.compiler_zoo.node_tests import PARTS
    from benchmarks.compiler_zoo.small import KINDS

    kinds = ((NETWORK, NETWORKS), (SMALL, KINDS), (NODES, PARTS))
    return [f"{kind}/{name}" for kind, names in kinds for name in names]


def row(name: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Kept from before, or of a process of its own."""
    options = ["--work", str(arguments.work), "--trtcheck", arguments.trtcheck, "--one", name]
    return kept_row(row_file(arguments.work, name), "compiler_zoo", options, arguments.timeout)


def row_file(work: Path, name: str) -> Path:
    """Where a row is kept."""
    return work / "rows" / (name.strip("/").replace("/", "-").replace(" ", "_") + ".json")


def one(name: str, arguments: argparse.Namespace) -> None:
    """Judge the files of one row in this process, and write it."""
    file = row_file(arguments.work, name)
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        files = judged(name, arguments)
    except Exception as error:
        write_json(file, crashed(error))
        return
    write_json(file, {"files": files})


def judged(name: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Verdicts of each file of a row."""
    from benchmarks.compiler_zoo.verdicts import verdicts

    kind, _, own = name.partition("/")
    with tempfile.TemporaryDirectory() as folder:
        work = arguments.work / "files" / own if kind == NETWORK else Path(folder)
        return verdicts(files_of(kind, own, work), arguments.trtcheck)


def files_of(kind: str, name: str, folder: Path) -> dict[str, Path]:
    """The files of a row by name."""
    # What writes networks takes seconds to import, and most rows have none.
    if kind == NETWORK:
        from benchmarks.compiler_zoo import networks

        return networks.files_of(name, folder)
    if kind == BUNDLE:
        from edgesynth.benchmark.bundle.bundle import open_target

        return {form: Path(path) for form, path in open_target(name, samples=False).forms.items()}
    if kind == NODES:
        from benchmarks.compiler_zoo import node_tests

        return node_tests.files_of(name, folder)
    from benchmarks.compiler_zoo import small

    return small.files_of(name, folder)


def document(made: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What the JSON holds: rows in full but for the node tests, of which those count on which somebody was wrong."""
    from benchmarks.compiler_zoo.tables import counts, wrong
    from benchmarks.compiler_zoo.verdicts import TENSORRT, TRTCHECK

    kept = json.loads((HERE / "result.json").read_text()) if (HERE / "result.json").is_file() else {}
    bundles = dict(kept.get("bundles", {}))
    bundles |= {shown(Path(key)): each for key, each in made.items() if key.startswith(BUNDLE)}
    if all(key.startswith(BUNDLE) for key in made):
        return {**kept, "bundles": bundles}
    networks, small, nodes = (
        {key.partition("/")[2]: each for key, each in made.items() if key.partition("/")[0] == kind}
        for kind in (NETWORK, SMALL, NODES)
    )
    tests = {test: each for tested in nodes.values() for test, each in tested.get("files", {}).items()}
    return {
        "benchmark": "compiler_zoo",
        "tensorrt": ".".join(map(str, TENSORRT)),
        "trtcheck": TRTCHECK,
        "judge": version("tensorrt-rtx-cu12-libs"),
        "packages": {package: version(package) for package in ("onnx", "torch", "torchvision")},
        "networks": networks,
        "small": small,
        "node_tests": {
            "counts": counts(tests.values()),
            "wrong": {test: each for test, each in tests.items() if wrong(each, "plan")},
            "failed": {name: each["failure"] for name, each in nodes.items() if "failure" in each},
        },
        "bundles": bundles,
    }


def shown(bundle: Path) -> str:
    """A bundle's name, with that of its run where it lies within."""
    folder = bundle.parent
    return f"{folder.parent.name}/{bundle.name}" if folder.name == "bundles" else bundle.name


def publish(document: dict[str, Any]) -> None:
    """Write the results, and print the tables."""
    write_json(HERE / "result.json", document)
    write_table(HERE / "README.md", "compiler_zoo", table(document))
    print(table(document))


def table(document: dict[str, Any]) -> str:
    """Markdown of the results."""
    return tables(document)


if __name__ == "__main__":
    main()
