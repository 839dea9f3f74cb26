"""Options that several commands have (Python 3.6)."""

import click

engine_option = click.option(
    "--engine", help="One of: onnxruntime, tensorrt.  [default: tensorrt where it can be imported, else onnxruntime]"
)
