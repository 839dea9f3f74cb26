"""`edgesynth report`: the run as one HTML page, and its table here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.table import Table

    from edgesynth.report import Row


@click.command(name="report")
@click.argument("run", type=click.Path(path_type=Path))
def command(run: Path) -> None:
    """Write RUN/report.html and print the lineage.

    RUN is the folder that `edgesynth evolve` made; the run may still be going on.
    """
    # Imported here, so that --help does not wait for torch.
    from rich.console import Console

    from edgesynth.lineage import Run
    from edgesynth.report import lineage_rows, write_report

    opened = Run.open(run)
    rows = lineage_rows(opened)
    path = write_report(opened)
    console = Console(highlight=False)
    # A pipe has no width: what is cut there is lost.
    console.print(_table(rows), width=None if console.is_terminal else 200)
    click.echo(path)


def _table(rows: list[Row]) -> Table:
    """One line for each individual of the main line; fits 80 columns."""
    from rich.table import Table

    from edgesynth.report.formats import milliseconds, percent, short_count, times

    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("individual", no_wrap=True)
    for heading in ("val %", "synapses", "clusters", "MACs", "syn x", "clu x", "ms"):
        table.add_column(heading, justify="right", no_wrap=True)
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
