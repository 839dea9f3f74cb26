"""Twenty networks of torchvision, pruned at random to half, exported at opset 13 in every form.

    python -m benchmarks.export_zoo.run

Each network is traced, proven, cut to half of its removable clusters, and written as fp32, fp16 and both INT8 forms.
Each form is compared with the one before on random images, and the two files that TensorRT 8.2 would be given are held
against its table of operators. The weights are random, so INT8 is judged by the signal to noise ratio of the outputs
and not by accuracy. Where ONNX Runtime's INT8 is timed against its fp32, both run interleaved in one process.

Each network has a process of its own. Resumable: each finished row is kept in --work (delete a file there to repeat
it). Results go to result.json and to the table in README.md, both beside this script, unless only some networks are
named.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
from pathlib import Path
from typing import Any

import torch

from benchmarks.shared.lineages import machine
from benchmarks.shared.own_process import kept_row
from benchmarks.shared.tables import write_table
from edgesynth.errors import UserError
from edgesynth.lineage.storage.files import write_json

HERE = Path(__file__).resolve().parent
NETWORKS = (
    "alexnet",
    "vgg11_bn",
    "vgg16",
    "resnet18",
    "resnet50",
    "resnext50_32x4d",
    "wide_resnet50_2",
    "densenet121",
    "googlenet",
    "inception_v3",
    "squeezenet1_1",
    "shufflenet_v2_x1_0",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "mobilenet_v3_large",
    "mnasnet1_0",
    "efficientnet_b0",
    "regnet_y_400mf",
    "convnext_tiny",
    "vit_b_16",
)
TIMED = ("resnet18", "resnet50", "mobilenet_v2")


def main() -> None:
    """Measure what is not there yet, write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", help="only these (printed, not written to the README)")
    parser.add_argument("--work", type=Path, default=Path("runs/export_zoo"), help="where finished rows are kept")
    parser.add_argument("--timeout", type=int, default=600, help="seconds for one network")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    if arguments.one:
        one(arguments.one, arguments.work)
        return
    rows = {}
    for name in arguments.networks or NETWORKS:
        rows[name] = row(name, arguments)
        print(line(name, rows[name]), flush=True)
    document = {"benchmark": "export_zoo", "machine": machine(), "networks": rows}
    print("\n" + table(document))
    if not arguments.networks:
        write_json(HERE / "result.json", document)
        write_table(HERE / "README.md", "export_zoo", table(document))


def row(name: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Kept from before, or of a process of its own."""
    file = arguments.work / f"{name}.json"
    options = ["--work", str(arguments.work), "--one", name]
    return kept_row(file, "export_zoo", options, arguments.timeout)


def one(name: str, work: Path) -> None:
    """Measure one network in this process, and write its row."""
    from benchmarks.export_zoo import one_network

    with tempfile.TemporaryDirectory() as folder:
        try:
            figures = one_network.measure(name, Path(folder))
        except UserError as error:
            figures = {"failure": str(error)[:300]}
        if name in TIMED and "failure" not in figures:
            figures["speed"] = one_network.speed(Path(folder), name)
    figures["threads"] = torch.get_num_threads()
    figures["peak_gib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    write_json(work / f"{name}.json", figures)


def table(document: dict[str, Any]) -> str:
    """Markdown of the results."""
    rows = document["networks"]
    good = {name: figures for name, figures in rows.items() if "failure" not in figures}
    clean = [name for name, figures in good.items() if not figures["refused_by_tensorrt_8_2"]]
    lines = [
        f"{len(good)} of {len(rows)} networks exported; {len(clean)} of them have nothing that TensorRT 8.2's table of "
        "operators refuses.",
        "",
        "| network | MACs left | removed | onnx fp32 | fp16 | int8 | int8-cpu | MiB (fp32, fp16, int8-cpu) | export "
        "| TensorRT 8.2 |",
        "|---|---|---|---|---|---|---|---|---|---|",
        *(line(name, figures) for name, figures in rows.items()),
        "",
        "Removed and fp32: largest error over the largest output. fp16 and INT8: signal to noise ratio of the outputs. "
        "Export: seconds from the network in memory to all four files, calibration included.",
    ]
    for name, figures in good.items():
        if "speed" in figures:
            times = figures["speed"]
            lines.append(
                f"\nONNX Runtime, {name} at half, one image, {figures['threads']} threads, interleaved: fp32 "
                f"{times['fp32_ms']:.2f} ms, int8-cpu {times['int8_cpu_ms']:.2f} ms, "
                f"**{times['times_faster']:.2f}x** faster."
            )
    return "\n".join(lines)


def line(name: str, figures: dict[str, Any]) -> str:
    """One row of the table."""
    if "failure" in figures:
        return f"| {name} | {figures['failure']} | | | | | | | | |"
    hops, sizes = figures["hops"], figures["bytes"]
    refused = "; ".join(figures["refused_by_tensorrt_8_2"])
    return (
        f"| {name} | {100 * figures['macs_after'] / figures['macs']:.0f} % | {figures['removed_max_rel']:.0e} "
        f"| {hops['fp32']['max_rel']:.0e} | {hops['fp16']['snr_db']:.0f} dB | {hops['int8']['snr_db']:.0f} dB "
        f"| {hops['int8-cpu']['snr_db']:.0f} dB "
        f"| {', '.join(f'{sizes[key] / 2**20:.1f}' for key in ('fp32', 'fp16', 'int8-cpu'))} "
        f"| {figures['export_s']:.1f} s | {refused or 'clean'} |"
    )


if __name__ == "__main__":
    main()
