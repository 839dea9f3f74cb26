"""`edgesynth export`: write an individual as a bundle, and show what each step cost."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich import box
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from edgesynth.export import Bundle, Hop

PIPE_WIDTH = 200  # a table that is read by a program must not be wrapped


@click.command(name="export")
@click.argument("individual", metavar="RUN[:INDIVIDUAL]")
@click.option("--int8", is_flag=True, help="Write the INT8 models too: for TensorRT, and for ONNX Runtime on a CPU.")
@click.option("--samples", default=512, show_default=True, help="Calibration images at most, from the training data.")
@click.option("--opset", default=13, show_default=True, help="13 to 18; TensorRT 8.2 documents 13 as its newest.")
@click.option("--batch", type=int, help="Images per run that the models are fixed to.  [default: free]")
@click.option(
    "--max-int8-loss",
    default=0.5,
    show_default=True,
    help="Points of the metric that INT8 may lose; layers that cost more stay in floating point.",
)
@click.option("--licence", default="not stated", show_default=True, help="Licence of the weights, in one line.")
@click.option("--nms-in-graph", is_flag=True, help="Detectors: the models decode and suppress boxes themselves.")
@click.option("--tensorrt", metavar="VERSION", help="Refuse to write what this one does not parse, such as 8.2.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The folder.  [default: RUN/bundles/INDIVIDUAL]")
def command(
    individual: str,
    int8: bool,
    samples: int,
    opset: int,
    batch: int | None,
    max_int8_loss: float,
    licence: str,
    nms_in_graph: bool,
    tensorrt: str | None,
    output: Path | None,
) -> None:
    """Write an individual as a bundle: ONNX, ranges, samples, manifest, README, and INT8 on demand.

    RUN is the folder that `edgesynth evolve` made; without INDIVIDUAL (such as g003-c1) its best one is exported.
    """
    from edgesynth.export import export_individual
    from edgesynth.lineage import parse_individual

    run, name = parse_individual(individual)
    with Console(stderr=True).status(f"exporting {name}") as status:
        bundle = export_individual(
            run,
            name,
            output,
            int8,
            samples,
            max_int8_loss,
            lambda line: status.update(f"{name}: {line}"),
            opset=opset,
            batch=batch,
            licence=licence,
            nms_in_graph=nms_in_graph,
            tensorrt=tensorrt,
        )
    console = Console()
    console = console if console.is_terminal else Console(width=PIPE_WIDTH)
    console.print(_table(bundle.ledger.hops, box.SIMPLE_HEAD if console.is_terminal else None))
    _print_files(bundle)
    for hop in bundle.ledger.bad:
        click.echo(f"warning: {hop}. Use model.onnx at fp16, or calibrate with more --samples", err=True)
    click.echo(f"next: edgesynth benchmark {shlex.quote(str(bundle.path))}")


def _table(hops: list[Hop], frame: box.Box | None) -> Table:
    table = Table(box=frame, pad_edge=False, collapse_padding=True)
    table.add_column("hop", no_wrap=True)
    table.add_column("compared with", no_wrap=True)
    for name in ("error", "relative", f"{hops[0].metric} %", "points", "ok"):
        table.add_column(name, justify="right", no_wrap=True)
    for hop in hops:
        table.add_row(
            hop.hop,
            hop.compared_with or "-",
            _figure(hop.max_abs, ".2g"),
            _figure(hop.max_rel, ".2g"),
            f"{hop.accuracy_percent:.2f}",
            _figure(hop.change_points, "+.2f"),
            "yes" if hop.ok else "NO",
        )
    return table


def _figure(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _print_files(bundle: Bundle) -> None:
    for path in sorted(bundle.path.iterdir()):
        click.echo(f"{path.stat().st_size / 1024:10.1f} KiB  {path.name}")
