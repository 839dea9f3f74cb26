"""`edgesynth report`: the run as one HTML page, and its table here."""

from __future__ import annotations

from pathlib import Path

import click

from edgesynth.cli.options.shared_options import output_options
from edgesynth.cli.terminal.output import print_json, print_line, print_note, print_table


@click.command(name="report")
@click.argument("run", type=click.Path(path_type=Path))
@output_options
def command(run: Path, as_json: bool) -> None:
    """Write RUN/report.html and print the lineage.

    RUN is the folder that `edgesynth evolve` made; the run may be unfinished.
    """
    # Imported here, so that --help does not wait for torch.
    from edgesynth.lineage import Run
    from edgesynth.lineage.run_directory.run import RECORD
    from edgesynth.report import console_table, read_lineage, write_report

    opened = Run.open(run)
    lineage = read_lineage(opened)
    path = write_report(opened)
    for name in lineage.unfinished:
        print_note(f"{name} is left out: it is not finished, for it has no {RECORD}")
    if as_json:
        print_json({"report": path, **lineage.to_json()})
        return
    print_table(console_table(lineage.line))
    print_line(path)
