"""`edgesynth plan`: what a board and its TensorRT will make of a model, before anything is sent there."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from edgesynth.cli.options.shared_options import output_options
from edgesynth.cli.terminal.output import print_json, print_line, print_lines, print_note, print_table
from edgesynth.errors import UserError

if TYPE_CHECKING:
    from edgesynth.planning.compiler.building import Compiled


@click.command(name="plan")
@click.argument("model", type=click.Path())
@click.option("--board", metavar="NAME", help="Such as tx2, orin, this-gpu, or FILE.json.  [default: all boards]")
@click.option("--tensorrt", metavar="VERSION", help="Such as 8.2.  [default: the newest that the board has]")
@click.option("--mode", metavar="NAME", help="Power mode, for the prediction.  [default: the board's fastest]")
@click.option("--batch", type=int, help="Images per inference.  [default: what the model is fixed to, or 1]")
@click.option("--probe", type=click.Path(), help="Table of `edgesynth probe`: its layers replace the cost model's.")
@click.option("--build", is_flag=True, help="Parse and build by NVIDIA's own compiler too, which needs no GPU.")
@click.option("--gpu", metavar="NAME", help="That --build builds for, sm75 to sm121.  [default: sm86]")
@output_options
def command(
    model: str,
    board: str | None,
    tensorrt: str | None,
    mode: str | None,
    batch: int | None,
    probe: str | None,
    build: bool,
    gpu: str | None,
    as_json: bool,
) -> None:
    """Say what a board's TensorRT will make of MODEL.

    MODEL is the folder that `edgesynth export` wrote, or an .onnx file. The exit code is 0 if it will run (without
    --board: on any board), 1 if not, or if --build refuses every file.
    """
    from edgesynth.benchmark.bundle.bundle import KEPT, open_target
    from edgesynth.planning.compiler.building import GPU, compile_files
    from edgesynth.planning.plan.plan_files import choose_place, plan_files
    from edgesynth.planning.plan.plan_table import LEGEND, boards_table, builds_table, facts, heading

    if gpu is not None and not build:
        raise UserError(f"--gpu {gpu} is what --build builds for; give --build too")
    place = choose_place(board, mode, probe)
    target = open_target(model, samples=False)
    plans = plan_files(target.forms, place, tensorrt, target.ranges, batch, target.manifest.get(KEPT, []))
    compiled = compile_files(target.forms, gpu or GPU, batch or 1, print_note) if build else {}
    documents: Any = [plan.to_json() for plan in plans] if place.board is None else plans[0].to_json()
    if as_json:
        print_json(
            {"plan": documents, "compiled": {form: file.to_json() for form, file in compiled.items()}}
            if build
            else documents
        )
    elif place.board is None:
        print_table(boards_table(plans))
        print_line(LEGEND)
    else:
        print_line(heading(plans[0]))
        print_table(builds_table(plans[0]))
        print_lines(facts(plans[0]))
    if build and not as_json:
        _print_compiled(compiled)
    refused = build and not any(file.is_built for file in compiled.values())
    sys.exit(0 if any(plan.will_run for plan in plans) and not refused else 1)


def _print_compiled(compiled: Mapping[str, Compiled]) -> None:
    """The verdicts, and the layers of the smallest file that was built."""
    from edgesynth.planning.compiler import compiled_table as text

    print_line("")
    print_line(text.heading(compiled))
    print_table(text.verdicts(compiled))
    built = [(form, file) for form, file in compiled.items() if file.is_built]
    if built:
        form, file = built[-1]
        print_line("")
        print_line(f"kernels at {form} (--json has those of every form):")
        print_table(text.kernels(file))
    for file in compiled.values():
        if facts := text.facts(file):
            print_lines(f"{file.file}: {fact}" for fact in facts)
