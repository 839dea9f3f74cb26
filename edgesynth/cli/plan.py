"""`edgesynth plan`: what a board and its TensorRT will make of a model, before anything is sent there."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from edgesynth.cli.output import json_option, print_json, print_line
from edgesynth.errors import UserError

if TYPE_CHECKING:
    from edgesynth.cli.console import LiteralTable
    from edgesynth.planning.cost import Prediction
    from edgesynth.planning.plan import Plan

RANGES = "ranges.json"
LEGEND = "predicted, not measured: ± is the median error on published figures that were not fitted; unchecked: none are"
PROBE_LEGEND = "; measured: the share of the time that a probe of this board measured, layer by layer"


@click.command(name="plan")
@click.argument("model", type=click.Path())
@click.option("--board", metavar="NAME", help="Such as tx2, orin, this-gpu, or FILE.json.  [default: all boards]")
@click.option("--tensorrt", metavar="VERSION", help="Such as 8.2.  [default: the newest that the board has]")
@click.option("--mode", metavar="NAME", help="Power mode, for the prediction.  [default: the board's fastest]")
@click.option("--batch", type=int, help="Images per inference.  [default: what the model is fixed to, or 1]")
@click.option("--probe", type=click.Path(), help="Table of `edgesynth probe`: its layers replace the cost model's.")
@json_option
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
    from edgesynth.boards.detect import board_named
    from edgesynth.boards.probed import read_table
    from edgesynth.planning.plan import make_plan, plan_for_all, read_forms

    table = read_table(probe) if probe is not None else None
    if table is not None and board is None:
        board = table.board
    if board is None and mode is not None:
        raise UserError(f"--mode {mode} is a power mode of one board; name the board with --board")
    chosen = board_named(board) if board is not None else None
    target = open_target(model, samples=False)
    # A bare file is one form; which, its nodes say.
    graphs = read_forms({key if target.is_bundle else "fp32": form.path for key, form in target.models.items()})
    ranges = os.path.join(target.path, RANGES) if RANGES in target.manifest.get("files", {}) else None
    kept = target.manifest.get(KEPT, [])
    if chosen is None:
        plans = plan_for_all(graphs, tensorrt, ranges, batch, kept)
    else:
        plans = [make_plan(graphs, chosen, tensorrt, ranges, batch, mode, table, kept)]
    if as_json:
        facts = [plan.to_json() for plan in plans]
        print_json(facts if chosen is None else facts[0])
    else:
        _print(_one(plans[0]) if chosen is not None else [_boards_table(plans), LEGEND])
    sys.exit(0 if any(plan.will_run for plan in plans) else 1)


def _print(parts: list[str | LiteralTable]) -> None:
    from edgesynth.cli.console import PIPE_WIDTH, console

    for part in parts:
        if isinstance(part, str):
            print_line(part)
        else:
            console(pipe_width=PIPE_WIDTH).print(part)


def _one(plan: Plan) -> list[str | LiteralTable]:
    return [_heading(plan), _builds_table(plan), *_facts(plan)]


def _heading(plan: Plan) -> str:
    board, build = plan.board, plan.recommended
    memory = f", {board.memory_gb:g} GiB" if board.memory_gb is not None else ""
    verdict = f"will run; build it at {build.precision}" if build else f"will NOT run: {plan.reason}"
    return f"{board.title} ({board.sm_name}{memory}), {_software(plan)}: {verdict}"


def _software(plan: Plan) -> str:
    return f"{plan.parser.name} ({plan.jetpack})" if plan.jetpack else plan.parser.name


def _builds_table(plan: Plan) -> LiteralTable:
    """One line for each precision."""
    table = _table("precision", "hardware", "builds", "from", "predicted ms", "mJ/image")
    for build in plan.builds:
        table.add_row(
            build.precision,
            {True: "yes", False: "no", None: "unknown"}[build.native],
            "yes" if build.will_build else "NO",
            build.source or "-",
            *_figures(build.predicted),
            build.problem or build.note,
        )
    return table


def _figures(predicted: Prediction | None) -> tuple[str, str]:
    """Latency and energy, each with its error on published figures that were not fitted, where there are any."""
    if predicted is None:
        return "-", "-"
    latency = _with_error(predicted.latency_ms, predicted.error)
    if predicted.measured_share is not None:
        latency = f"{predicted.latency_ms:.3g} ({predicted.measured_share:.0%} measured)"
    return (
        latency,
        _with_error(predicted.energy_mj_per_image, predicted.energy_error),
    )


def _with_error(value: float | None, error: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.3g} {'(unchecked)' if error is None else f'± {error:.0%}'}"


def _facts(plan: Plan) -> list[str]:
    """The files, what is refused of them, and the memory."""
    oldest, newest = plan.parser.opsets
    table = f"{plan.parser.source.partition(',')[0]}: {oldest} to {newest}"
    lines = []
    for one in plan.files:
        graph = one.graph
        count = f"{len(graph.nodes)} operators of {len(graph.operators())} kinds"
        parsed = "all parsed" if one.is_parsed else "not all parsed"
        lines.append(f"{graph.file}: opset {graph.opset} ({table}), IR {graph.ir}; {count}, {parsed}")
        lines += [f"  {'refused' if finding.fatal else 'note'}: {finding}" for finding in one.findings]
    memory = plan.memory
    activations = "unknown" if memory.activations_bytes is None else _size(memory.activations_bytes)
    lines.append(f"memory at batch {plan.batch}: weights {_size(memory.weights_bytes)}, activations {activations}")
    lines += [f"  note: {note}" for note in plan.notes]
    predicted = [build.predicted for build in plan.builds if build.predicted]
    probed = any(one.measured_share is not None for one in predicted)
    return [*lines, LEGEND + (PROBE_LEGEND if probed else "")] if predicted else lines


def _size(size_bytes: float) -> str:
    return f"{size_bytes / 2**20:,.1f} MiB" if size_bytes >= 2**20 else f"{size_bytes / 2**10:,.1f} KiB"


def _boards_table(plans: list[Plan]) -> LiteralTable:
    """One line for each board."""
    table = _table("board", "TensorRT", "runs", "best", "from", "predicted ms", "mJ/image")
    for plan in plans:
        build = plan.recommended
        table.add_row(
            plan.board.name,
            plan.parser.name.split()[1],
            "yes" if build else "NO",
            build.precision if build else "-",
            build.source if build else "-",
            *_figures(build.predicted if build else None),
            build.note if build else plan.reason,
        )
    return table


def _table(*headings: str) -> LiteralTable:
    """A table whose last column, of words, folds."""
    from edgesynth.cli.console import LiteralTable

    return LiteralTable(*headings, "", fold=("",))
