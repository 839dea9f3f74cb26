"""Options that several commands have (Python 3.6)."""

from pathlib import Path
from typing import Any

import click

from edgesynth.benchmark.engines import ENGINES
from edgesynth.cli.terminal.logs import log_options

engine_option = click.option(
    "--engine",
    help="One of: {}; or a class of your own, package.module:Class.  "
    "[default: tensorrt where it can be imported, else onnxruntime]".format(", ".join(sorted(ENGINES))),
)
data_root_option = click.option(
    "--data-root", type=click.Path(path_type=Path), help="Where the run's data are now.  [default: where they were]"
)
_json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of text.")


def output_options(function: Any) -> Any:
    """How a command prints: `--json`, `--verbose`, `--quiet`, `--debug`. Every command has these."""
    return _json_option(log_options(function))
