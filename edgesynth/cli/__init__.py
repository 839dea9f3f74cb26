"""The `edgesynth` command: a table of commands, each imported only when it is called.

This file, `terminal/output.py`, `terminal/logs.py`, `options/shared_options.py` and the commands `verify`, `benchmark`,
`probe` and `compare` run on the board too (Python 3.6, click 8.0), where torch and rich are absent.
"""

import importlib
import os
import sys
from typing import List, NoReturn, Optional

import click

import edgesynth
from edgesynth.children import prepare_this_process
from edgesynth.cli.terminal.logs import error_trace, log_options, reset_logs
from edgesynth.cli.terminal.output import let_any_name_be_printed
from edgesynth.errors import UserError
from edgesynth.printable import printable

# name: (runs on the board, one line for --help); the command itself is edgesynth.cli.commands.<name>:command
COMMANDS = {
    "evolve": (False, "Breed a network over generations into a much smaller one."),
    "data": (False, "Look over a folder of data: layout, what is broken, splits, memory."),
    "replay": (False, "Breed an individual again and compare it with its files, bit for bit."),
    "anatomy": (False, "Show what can be cut out of a network, what cannot and why, and its size."),
    "export": (False, "Write an individual as a bundle: ONNX, INT8, samples, manifest."),
    "verify": (True, "Run the ledger of a bundle again, from the bundle alone."),
    "plan": (False, "Say what a board's TensorRT will make of a bundle or an ONNX file."),
    "benchmark": (True, "Measure latency, throughput and energy of a bundle, here or by ssh."),
    "probe": (True, "Measure a model's layers by their width on this machine, for plan --probe."),
    "compare": (True, "Hold results of benchmark against the first of them; exit code 1 if one is worse."),
    "report": (False, "Write the run as one HTML page and print its table."),
}


class LazyGroup(click.Group):
    """A click group that lists its commands without importing them."""

    def list_commands(self, ctx: click.Context) -> List[str]:
        """Names in the order of the journey, not of the alphabet."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> Optional[click.Command]:
        """Import the command, or say in one line where it can run."""
        if cmd_name not in COMMANDS:
            return None
        on_board, _ = COMMANDS[cmd_name]
        if not on_board and sys.version_info < (3, 10):
            raise UserError(
                "edgesynth {} needs Python 3.10 or newer and torch, and this is Python {}.{}: "
                "run it on a workstation and bring the bundle here".format(cmd_name, *sys.version_info[:2])
            )
        return importlib.import_module("edgesynth.cli.commands." + cmd_name).command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table of commands."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


# Invoked without a command too: click's own way to print help then is an error from 8.2 on, and none before.
@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    subcommand_metavar="COMMAND [ARGS]...",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(edgesynth.__version__, prog_name="edgesynth")
@log_options
@click.pass_context
def group(context: click.Context) -> None:
    """From evolution to TensorRT: evolve a network, export it, measure it on the board."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def main() -> None:
    """Entry point: run a command and turn a user's mistake into one line and exit code 2."""
    prepare_this_process()
    let_any_name_be_printed()
    reset_logs()
    try:
        group(prog_name="edgesynth", standalone_mode=False)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        hint = "; see {} --help".format(context.command_path) if context else ""
        _stop("edgesynth: {}{}".format(printable(error.format_message().rstrip(".")), hint), error.exit_code)
    except UserError as error:
        _stop("edgesynth: {}".format(error), 2)
    except OSError as error:
        if error.errno not in USER_ERRNO:
            raise
        what = "{}: {}".format(printable(error.filename), error.strerror) if error.filename else error.strerror
        _stop("edgesynth: {}. Nothing finished was lost; mend this and run the same command again".format(what), 2)
    except (KeyboardInterrupt, click.Abort):
        _stop(INTERRUPTED, 130)
    except Exception as error:
        if not _interrupted(error):
            raise
        _stop(INTERRUPTED, 130)


INTERRUPTED = "edgesynth: stopped by Ctrl-C; what had finished is kept"


def _interrupted(error: Optional[BaseException]) -> bool:
    """Whether Ctrl-C caused an error: compiled code reports it as an error of its own."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt) or "KeyboardInterrupt" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


# Errors of the file system that a user can mend: no permission, a file in a folder's place, file too large, disk full,
# read-only, name too long, quota.
USER_ERRNO = (1, 13, 20, 27, 28, 30, 36, 122)


def _stop(message: str, code: int) -> NoReturn:
    click.echo(error_trace() + message, err=True)
    # A closed pipe or a full disk must not add a second traceback while Python shuts down.
    try:
        sys.stdout.flush()
    except OSError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  (stays open until Python ends)
    sys.exit(code)
