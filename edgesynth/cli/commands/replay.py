"""`edgesynth replay`: an individual is what its parents, its place and the configuration make it; this shows it."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from edgesynth.cli.options.shared_options import data_root_option, output_options
from edgesynth.cli.terminal.output import print_json, print_line, print_note


@click.command()
@click.argument("individual", metavar="RUN[:INDIVIDUAL]")
@data_root_option
@output_options
def command(individual: str, data_root: Path | None, as_json: bool) -> None:
    """Breed an individual again from its parents' files and compare genome, weights, record and what
    its strategy has learned, bit for bit.

    Exit code 0 if all is equal; 1 if not, with the first difference. A bare RUN means its best individual. Bits are
    those of one kind of machine and one release of torch: on another, the weights may differ in their last ones.
    """
    # Imported here, so that --help does not wait for torch.
    from edgesynth.cli.terminal.console import console
    from edgesynth.cli.terminal.interruption import Interruption
    from edgesynth.cli.terminal.progress import progress_on
    from edgesynth.evolution import replay
    from edgesynth.export import OnnxRuntimeClock, other_kernels_of
    from edgesynth.lineage import changed_board, parse_individual

    run, name = parse_individual(individual)
    if change := changed_board(run.config):
        print_note(change)
    screen = console(err=as_json)
    with Interruption() as interruption, progress_on(screen, interruption.check, lines=False) as progress:
        replayed = replay(run, name, progress, other_kernels_of, data_root, OnnxRuntimeClock())
    if as_json:
        print_json({"run": run.path, **replayed.to_json()})
    elif replayed:
        print_line(f"{run.path}:{name} is bit for bit what its parents' files give again.")
    else:
        print_line(f"{run.path}:{name} differs: {replayed.difference}.")
    if not replayed:
        sys.exit(1)
