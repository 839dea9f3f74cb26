"""Verbosity on standard error: `--quiet`, `--verbose`, `--debug` (Python 3.6).

The level of the logger `edgesynth` holds the answer: ERROR, INFO or DEBUG, and WARNING where nothing was asked for.
Every package logs under it, at INFO and DEBUG alone, so that by default no log line is printed.
"""

import functools
import logging
import traceback
from typing import Any

import click

from edgesynth.printable import printable_lines

LOG = logging.getLogger("edgesynth")
LINE = "%(asctime)s %(name)s: %(message)s"


class StandardError(logging.Handler):
    """Writes log lines to standard error, names in them as they are.

    Not `logging.StreamHandler`: that keeps the stream of its start, which a progress bar replaces for a while.
    """

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record."""
        click.echo(printable_lines(self.format(record).splitlines()), err=True)


def reset_logs() -> None:
    """Set the default verbosity."""
    if not any(isinstance(handler, StandardError) for handler in LOG.handlers):
        handler = StandardError()
        handler.setFormatter(logging.Formatter(LINE))
        LOG.addHandler(handler)
    LOG.setLevel(logging.WARNING)


def is_quiet() -> bool:
    """Whether notes and progress are to be left out."""
    return not LOG.isEnabledFor(logging.WARNING)


def error_trace() -> str:
    """The traceback of the error that is being handled, where `--debug` asks for it; else nothing."""
    if not LOG.isEnabledFor(logging.DEBUG):
        return ""
    return printable_lines(traceback.format_exc().splitlines()) + "\n"


def log_options(function: Any) -> Any:
    """The three options, for a command and for the group; where several are given, the last one counts."""
    for names, level, what in (
        (["--debug"], logging.DEBUG, "Print every log line, and the traceback of an error."),
        (["-q", "--quiet"], logging.ERROR, "Print results and errors alone: no notes, no progress."),
        (["-v", "--verbose"], logging.INFO, "Print log lines: what is done, and with what."),
    ):
        callback = functools.partial(_set_level, level)
        function = click.option(*names, is_flag=True, is_eager=True, expose_value=False, callback=callback, help=what)(
            function
        )
    return function


def _set_level(level: int, context: click.Context, option: click.Parameter, given: bool) -> None:
    if given:
        LOG.setLevel(level)
