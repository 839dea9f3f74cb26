"""`edgesynth verify`: run the ledger of a bundle again, from the bundle alone and on this machine (Python 3.6)."""

import sys

import click

from edgesynth.cli.options.shared_options import output_options
from edgesynth.cli.terminal.output import print_json, print_line, print_lines


@click.command(name="verify")
@click.argument("bundle", type=click.Path())
@output_options
def command(bundle: str, as_json: bool) -> None:
    """Run the ledger of a bundle again: every file against its sha256, every model on the bundle's samples.

    BUNDLE is the folder that `edgesynth export` wrote. Needs numpy and ONNX Runtime alone. Exit code 0 if all is as it
    was at export; 1 if a model is not, with the first bad layer; 2 if BUNDLE is no bundle or a file of it was changed.
    """
    # Imported here, so that --help does not wait for numpy.
    from edgesynth.benchmark.result.table import format_hops
    from edgesynth.benchmark.verify.verification import verify

    verification = verify(bundle)
    if as_json:
        print_json(verification.to_json())
    else:
        print_lines(format_hops(verification))
    if verification.bad:
        sys.exit(1)
    if not as_json:
        files, images = len(verification.target.manifest["files"]), verification.hops[0].figures.samples
        print_line("{} files and {} samples: all as exported".format(files, images))
