"""Options that several commands have (Python 3.6)."""

from pathlib import Path

import click

engine_option = click.option(
    "--engine",
    help="One of: onnxruntime, tensorrt; or a class of your own, package.module:Class.  "
    "[default: tensorrt where it can be imported, else onnxruntime]",
)
data_root_option = click.option(
    "--data-root", type=click.Path(path_type=Path), help="Where the run's data are now.  [default: where they were]"
)
