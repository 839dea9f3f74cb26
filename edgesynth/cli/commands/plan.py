"""`edgesynth plan`: what a board and its TensorRT will make of a model, before anything is sent there."""

from __future__ import annotations

import sys

import click

from edgesynth.cli.options.shared_options import output_options
from edgesynth.cli.terminal.output import print_json, print_line, print_lines, print_table


@click.command(name="plan")
@click.argument("model", type=click.Path())
@click.option("--board", metavar="NAME", help="Such as tx2, orin, this-gpu, or FILE.json.  [default: all boards]")
@click.option("--tensorrt", metavar="VERSION", help="Such as 8.2.  [default: the newest that the board has]")
@click.option("--mode", metavar="NAME", help="Power mode, for the prediction.  [default: the board's fastest]")
@click.option("--batch", type=int, help="Images per inference.  [default: what the model is fixed to, or 1]")
@click.option("--probe", type=click.Path(), help="Table of `edgesynth probe`: its layers replace the cost model's.")
@output_options
def command(
    model: str,
    board: str | None,
    tensorrt: str | None,
    mode: str | None,
    batch: int | None,
    probe: str | None,
    as_json: bool,
) -> None:
    """Say what a board's TensorRT will make of MODEL.

    MODEL is the folder that `edgesynth export` wrote, or an .onnx file. The exit code is 0 if it will run (without
    --board: on any board), 1 if not.
    """
    from edgesynth.benchmark.bundle.bundle import KEPT, open_target
    from edgesynth.planning.plan.plan_files import choose_place, plan_files
    from edgesynth.planning.plan.plan_table import LEGEND, boards_table, builds_table, facts, heading

    place = choose_place(board, mode, probe)
    target = open_target(model, samples=False)
    plans = plan_files(target.forms, place, tensorrt, target.ranges, batch, target.manifest.get(KEPT, []))
    if as_json:
        documents = [plan.to_json() for plan in plans]
        print_json(documents if place.board is None else documents[0])
    elif place.board is None:
        print_table(boards_table(plans))
        print_line(LEGEND)
    else:
        print_line(heading(plans[0]))
        print_table(builds_table(plans[0]))
        print_lines(facts(plans[0]))
    sys.exit(0 if any(plan.will_run for plan in plans) else 1)
