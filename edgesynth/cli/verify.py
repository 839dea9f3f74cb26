"""`edgesynth verify`: run the ledger of a bundle again, from the bundle alone and on this machine (Python 3.6)."""

import sys

import click

from edgesynth.benchmark.table import format_hops
from edgesynth.benchmark.verification import verify


@click.command(name="verify")
@click.argument("bundle", type=click.Path())
def command(bundle):
    """Run the ledger of a bundle again: every file against its sha256, every model on the bundle's samples.

    BUNDLE is the folder that `edgesynth export` wrote. Needs numpy and ONNX Runtime alone. Exit code 0 if all is as it
    was at export; 1 if a model is not, with the first bad layer; 2 if BUNDLE is no bundle or a file of it was changed.
    """
    verification = verify(bundle)
    click.echo(format_hops(verification))
    if verification.bad:
        sys.exit(1)
    files = len(verification.target.manifest["files"])
    images = verification.hops[0].figures.samples
    click.echo("{} files and {} samples: all as exported".format(files, images))
