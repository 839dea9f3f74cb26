"""`edgesynth report`: the run as one HTML page, and its table here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgesynth.cli.output import json_option, print_json, print_line, print_note

if TYPE_CHECKING:
    from edgesynth.cli.console import LiteralTable
    from edgesynth.report import Row


@click.command(name="report")
@click.argument("run", type=click.Path(path_type=Path))
@json_option
def command(run: Path, as_json: bool) -> None:
    """Write RUN/report.html and print the lineage.

    RUN is the folder that `edgesynth evolve` made; the run may still be going on.
    """
    # Imported here, so that --help does not wait for torch.
    from edgesynth.cli.console import PIPE_WIDTH, console
    from edgesynth.lineage import Run
    from edgesynth.lineage.run import RECORD
    from edgesynth.report import read_lineage, write_report

    opened = Run.open(run)
    lineage = read_lineage(opened)
    path = write_report(opened)
    for name in lineage.unfinished:
        print_note(f"{name} is left out: it is not finished, for it has no {RECORD}")
    if as_json:
        print_json({"report": path, **lineage.to_json()})
        return
    console(pipe_width=PIPE_WIDTH).print(_table(list(lineage.line)))
    print_line(path)


def _table(rows: list[Row]) -> LiteralTable:
    """One line for each individual of the main line; fits 80 columns."""
    from edgesynth.cli.console import LiteralTable
    from edgesynth.report.formats import milliseconds, percent, short_count, times

    numbers = ("val %", "synapses", "clusters", "MACs", "syn x", "clu x", "ms")
    table = LiteralTable("individual", *numbers, right=numbers)
    for row in rows:
        table.add_row(
            row.individual,
            percent(row.validation_percent),
            short_count(row.synapses),
            short_count(row.clusters),
            short_count(row.macs),
            times(row.synaptic_efficiency_x),
            times(row.cluster_efficiency_x),
            milliseconds(row.latency_ms),
        )
    return table
