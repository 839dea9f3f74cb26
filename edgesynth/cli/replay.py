"""`edgesynth replay`: an individual is what its parents, its place and the configuration make it; this shows it."""

from __future__ import annotations

import sys

import click
from rich.console import Console

from edgesynth.cli.interruption import Interruption
from edgesynth.cli.progress import progress_on
from edgesynth.evolution import replay
from edgesynth.export import kernels_beside
from edgesynth.lineage import parse_individual


@click.command()
@click.argument("individual", metavar="RUN[:INDIVIDUAL]")
def command(individual: str) -> None:
    """Breed an individual again from its parents' files and compare genome, weights, record and what
    its strategy has learned, bit for bit.

    Exit code 0 if all is equal; 1 if not, with the first difference. A bare RUN means its best individual. Bits are
    those of one kind of machine and one release of torch: on another, the weights may differ in their last ones.
    """
    run, name = parse_individual(individual)
    console = Console(highlight=False)
    with Interruption() as interruption, progress_on(console, interruption.check, lines=False) as progress:
        found = replay(run, name, progress, kernels_beside)
    if not found:
        console.print(f"{run.path}:{name} differs: {found.difference}.", soft_wrap=True)
        sys.exit(1)
    console.print(f"{run.path}:{name} is bit for bit what its parents' files give again.", soft_wrap=True)
