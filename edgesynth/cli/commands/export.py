"""`edgesynth export`: write an individual as a bundle, and show what each step cost."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Literal

import click

from edgesynth import defaults
from edgesynth.cli.options.shared_options import data_root_option, output_options
from edgesynth.cli.terminal.output import print_json, print_line, print_note, print_table


@click.command(name="export")
@click.argument("individual", metavar="RUN[:INDIVIDUAL]")
@click.option("--int8", is_flag=True, help="Write the INT8 models too: for TensorRT, and for ONNX Runtime on a CPU.")
@click.option(
    "--samples",
    default=defaults.CALIBRATION_IMAGES,
    show_default=True,
    help="Calibration images at most, from the training data.",
)
@click.option("--opset", type=int, help="13 to 18; TensorRT 8.2 documents 13 as its newest.  [default: the run's]")
@click.option("--batch", type=int, help="Images per run that the models are fixed to.  [default: free]")
@click.option(
    "--max-int8-loss",
    default=defaults.MAX_INT8_LOSS,
    show_default=True,
    help="Points of the metric that INT8 may lose; layers that cost more stay in floating point.",
)
@click.option(
    "--int8-cpu-target",
    type=click.Choice(["any", "vnni"]),
    default=defaults.INT8_CPU_TARGET,
    show_default=True,
    help="Processors that model.int8-cpu.onnx is for; vnni: 8-bit weights, which saturate on x86 without VNNI.",
)
@click.option(
    "--int8-cpu-layers",
    type=click.Choice(["faster", "all"]),
    default=defaults.INT8_CPU_LAYERS,
    show_default=True,
    help="Layers that are INT8 in that file: those that get faster on this CPU, or all (for another CPU).",
)
@click.option("--license", default=defaults.LICENSE, show_default=True, help="License of the weights, in one line.")
@click.option("--nms-in-graph", is_flag=True, help="Detectors: the models decode and suppress boxes themselves.")
@click.option("--tensorrt", metavar="VERSION", help="Refuse to write what this one does not parse, such as 8.2.")
@data_root_option
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The folder.  [default: RUN/bundles/INDIVIDUAL]")
@output_options
def command(
    individual: str,
    int8: bool,
    samples: int,
    opset: int | None,
    batch: int | None,
    max_int8_loss: float,
    int8_cpu_target: Literal["any", "vnni"],
    int8_cpu_layers: Literal["faster", "all"],
    license: str,
    nms_in_graph: bool,
    tensorrt: str | None,
    data_root: Path | None,
    output: Path | None,
    as_json: bool,
) -> None:
    """Write an individual as a bundle: ONNX, ranges, samples, manifest, README, and INT8 on demand.

    RUN is the folder that `edgesynth evolve` made; without INDIVIDUAL (such as g003-c1) its best one is exported.
    """
    from edgesynth.benchmark.bundle.bundle import KEPT
    from edgesynth.cli.terminal.console import status
    from edgesynth.export import export_individual
    from edgesynth.lineage import parse_individual

    run, name = parse_individual(individual)
    with status(f"exporting {name}") as say:
        bundle = export_individual(
            run,
            name,
            output,
            int8,
            samples,
            max_int8_loss,
            lambda line: say(f"{name}: {line}"),
            opset=opset,
            batch=batch,
            license=license,
            nms_in_graph=nms_in_graph,
            tensorrt=tensorrt,
            int8_cpu_target=int8_cpu_target,
            int8_cpu_layers=int8_cpu_layers,
            data_root=data_root,
        )
    for hop in bundle.ledger.bad:
        print_note(f"warning: {hop}. {hop.advice}")
    built = bundle.ledger.built
    for line in built.warnings() if built is not None else ():
        print_note(f"warning: {line}")
    if as_json:
        print_json(bundle.to_json())
        return
    print_table(bundle.ledger.table())
    for file, size_bytes in bundle.sizes_bytes().items():
        print_line(f"{size_bytes / 1024:10.1f} KiB  {file}")
    for layer in bundle.manifest[KEPT]:
        print_line(f"FP32 within FP16: {layer['op']} {layer['layer']} ({layer['why']})")
    for line in () if bundle.speed is None else bundle.speed.sentences():
        print_line(line)
    if built is not None:
        print_line(built.sentence())
    print_line(f"next: edgesynth benchmark {shlex.quote(str(bundle.path))}")
