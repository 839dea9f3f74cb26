"""Networks of torchvision without half of their branches and half of their channels, down to the ONNX file.

    python -m benchmarks.anatomy_depth.run

Of each network that has residual, dense or parallel branches, a random half of the removable branches is removed
together with a random half of the channels of every removable group. The cut is proven in fp64, exported to ONNX, run
in ONNX Runtime, and the nodes of the file are counted. Each network has a process of its own.

Resumable: each finished row is kept in --work (delete a file there to repeat it), and the results are written after
each. Results go to result.json and to the table in README.md, both beside this script.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.anatomy_depth.networks import NAMES
from benchmarks.shared.own_process import crashed, kept_row
from benchmarks.shared.tables import write_table
from edgesynth.lineage.storage.files import write_json

HERE = Path(__file__).resolve().parent
KINDS = ("layers", "normalizations", "additions")


def main() -> None:
    """Measure what is not there yet, write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", help="only these (printed, not written to the README)")
    parser.add_argument("--work", type=Path, default=Path("runs/anatomy_depth"), help="where finished rows are kept")
    parser.add_argument("--threads", type=int, default=1, help="threads of each process")
    parser.add_argument("--timeout", type=int, default=1800, help="seconds for one network")
    parser.add_argument("--memory-gib", type=int, default=10, help="data of each process")
    parser.add_argument("--one", metavar="NETWORK", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        resource.setrlimit(resource.RLIMIT_DATA, (arguments.memory_gib << 30, arguments.memory_gib << 30))
        one(arguments)
        return
    arguments.work.mkdir(parents=True, exist_ok=True)
    for name in arguments.networks or NAMES:
        print(told(name, row(name, arguments)), flush=True)
        if not arguments.networks:
            write_results(arguments)


def row(name: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Figures of a network: kept from before, or of a process of its own."""
    file = row_file(arguments.work, name)
    options = ["--threads", str(arguments.threads), "--work", str(arguments.work)]
    options += ["--memory-gib", str(arguments.memory_gib), "--one", name]
    return kept_row(file, "anatomy_depth", options, arguments.timeout)


def row_file(work: Path, name: str) -> Path:
    """Where a row is kept."""
    return work / f"{name}.json"


def one(arguments: argparse.Namespace) -> None:
    """Measure one network in this process, and write its row."""
    import torch

    from benchmarks.anatomy_depth.measure import measure

    torch.set_num_threads(arguments.threads)
    try:
        figures = measure(arguments.one)
    except MemoryError:
        figures = {"status": "skipped", "failure": f"does not fit into {arguments.memory_gib} GiB"}
    except Exception as error:
        figures = crashed(error)
        if "can't allocate memory" in str(error):
            figures = {"status": "skipped", "failure": f"does not fit into {arguments.memory_gib} GiB"}
    figures["peak_gib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    write_json(row_file(arguments.work, arguments.one), figures)


def write_results(arguments: argparse.Namespace) -> None:
    """Write all rows that there are."""
    files = {name: row_file(arguments.work, name) for name in NAMES}
    document = {
        "benchmark": "anatomy_depth",
        "machine": machine(arguments),
        "not_measured": [name for name, file in files.items() if not file.is_file()],
        "networks": {name: json.loads(file.read_text()) for name, file in files.items() if file.is_file()},
    }
    write_json(HERE / "result.json", document)
    write_table(HERE / "README.md", "anatomy_depth", table(document))


def machine(arguments: argparse.Namespace) -> dict[str, Any]:
    """What it ran on."""
    return {
        "cpu_threads": arguments.threads,
        "memory_gib": arguments.memory_gib,
        "machine": platform.machine(),
        "python": platform.python_version(),
        **{package: version(package) for package in ("torch", "torchvision", "onnx", "onnxruntime")},
    }


def told(name: str, network: dict[str, Any]) -> str:
    """One line on a network, for the console."""
    counts = f"{network['removed']} of {network['removable']} branches removed, " if "removed" in network else ""
    seconds = f", {network['seconds']:.0f} s" if "seconds" in network else ""
    return f"{name}: {counts}{network['status']} {network['failure']}".rstrip() + seconds


def table(document: dict[str, Any]) -> str:
    """Markdown of the results."""
    return "\n".join([*summary(document), "", *rows(document)])


def summary(document: dict[str, Any]) -> list[str]:
    """What it comes to, as Markdown lines."""
    networks = document["networks"]
    cut = [each for each in networks.values() if "removed" in each]
    statuses = [each["status"] for each in networks.values()]
    skipped = [f"{name} ({each['failure']})" for name, each in networks.items() if each["status"] == "skipped"]
    failed = [name for name, each in networks.items() if each["status"] in ("crashed", "timed out")]
    used = document["machine"]
    lines = [
        f"- {len(cut)} networks cut: **{statuses.count('proven')} proven**, equal in ONNX Runtime, and with no node "
        f"too many; {statuses.count('wrong')} wrong; {len(failed)} crashed or timed out"
        f"{': ' + ', '.join(failed) if failed else ''}.",
        f"- {total(cut, 'removable')} of {total(cut, 'branches')} branches can be removed; "
        f"{total(cut, 'removed')} were; {total(cut, 'protected_by_proof')} protected by the proof.",
    ]
    if cut:
        proof, file = (max(each[key] for each in cut) for key in ("proof_max_rel", "onnx_max_rel"))
        lines.append(f"- Largest difference: {proof:.0e} in fp64 from the masked network, {file:.0e} in ONNX Runtime.")
    if skipped:
        lines.append(f"- Skipped: {', '.join(skipped)}.")
    if document["not_measured"]:
        lines.append(f"- Not measured yet: {', '.join(document['not_measured'])}.")
    lines.append(
        f"- {used['cpu_threads']} thread(s) and {used['memory_gib']} GiB for each process, {used['machine']}, torch "
        f"{used['torch']}, torchvision {used['torchvision']}, ONNX Runtime {used['onnxruntime']}."
    )
    return lines


def total(networks: list[dict[str, Any]], key: str) -> str:
    """A sum over all networks."""
    return f"{sum(each[key] for each in networks):,}"


def rows(document: dict[str, Any]) -> list[str]:
    """A line for each network."""
    lines = [
        "| network | pixels | branches | removable | removed | proof, fp64 | ONNX Runtime, fp32 | nodes before | after "
        "| MACs | parameters | s |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, each in document["networks"].items():
        lines.append("| " + " | ".join([name, *cells(each)]) + " |")
    return lines


def cells(each: dict[str, Any]) -> list[str]:
    """What a line says of a network."""
    if "removed" not in each:
        return [f"**{each['status']}**: {each['failure']}", *[""] * 10]
    flaw = f" **wrong**: {each['failure']}" if each["status"] == "wrong" else ""
    before, after = (" + ".join(str(each[key][kind]) for kind in KINDS) for key in ("nodes_whole", "nodes_after"))
    return [
        *(str(each[key]) for key in ("pixels", "branches", "removable", "removed")),
        f"{each['proof_max_rel']:.0e}{flaw}",
        f"{each['onnx_max_rel']:.0e}",
        before,
        after,
        f"{each['macs'] / 1e6:,.1f} M to {each['macs_after'] / 1e6:,.1f} M",
        f"{each['params'] / 1e6:,.1f} M to {each['params_after'] / 1e6:,.1f} M",
        f"{each['seconds']:.0f}",
    ]


if __name__ == "__main__":
    main()
