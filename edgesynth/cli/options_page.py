"""Writes `docs/options.md`: every option of every command, from `Config` and the commands themselves.

    python -m edgesynth.cli.options_page docs/options.md

A test fails where the file differs from what this gives.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable
from pathlib import Path

import click

from edgesynth.cli import COMMANDS, group
from edgesynth.cli.options.headed_command import HeadedCommand
from edgesynth.config import Config

TOP = """# Options

Written by `python -m edgesynth.cli.options_page docs/options.md` from the code; do not edit it by hand.

Every command also has `-h` and `--help`; `edgesynth --version` prints the version. In Python, `edgesynth.evolve(...)`
takes the options of `edgesynth evolve` with underscores, such as `max_macs=2_000_000`.
"""
LIMITS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}


def page() -> str:
    """The page, in Markdown."""
    context = click.Context(group, info_name="edgesynth")
    commands = {name: command for name in COMMANDS if (command := group.get_command(context, name)) is not None}
    everywhere = [option for option in commands["report"].params if isinstance(option, click.Option)]
    known = {option.name for option in everywhere}
    parts = [TOP, "## Every command\n", _table(everywhere)]
    for name, command in commands.items():
        inner = click.Context(command, info_name=name, parent=context)
        usage = " ".join(["edgesynth", name, *command.collect_usage_pieces(inner)])
        parts.append(f"## {name}\n\n    {usage}\n\n{_text(command.help or '')}\n")
        if isinstance(command, HeadedCommand):
            for heading, options in command.by_heading().items():
                own = [option for option in options if option.name not in known]
                parts.append(f"### {heading}\n\n{_table(own, of_config=True)}")
        elif own := [option for option in command.params if option.name not in known]:
            parts.append(_table(own))
    return "\n".join(parts)


def _table(parameters: Iterable[click.Parameter], of_config: bool = False) -> str:
    rows = [_row(option, of_config) for option in parameters if isinstance(option, click.Option)]
    return "\n".join(["| option | default | meaning |", "|---|---|---|", *rows, ""]) if rows else ""


def _row(option: click.Option, of_config: bool) -> str:
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    meaning, _, default = (option.help or "").partition("[default: ")
    default = default.rstrip("]") if default else _shown_default(option)
    allowed = _range(option.name or "") if of_config else ""
    cells = [names, default, "; ".join(filter(None, [_text(meaning).rstrip("."), allowed]))]
    return f"| {' | '.join(cell.replace('|', '&#124;').replace('<', '&lt;') for cell in cells)} |"


def _shown_default(option: click.Option) -> str:
    return str(option.default) if option.show_default and option.default is not None else ""


def _range(name: str) -> str:
    """What a field of `Config` may be, where it has bounds."""
    field = Config.model_fields.get(name)
    bounds = (
        {}
        if field is None
        else {key: getattr(part, key) for part in field.metadata for key in LIMITS if hasattr(part, key)}
    )
    words = [f"{LIMITS[key]} {value:,}" for key, value in bounds.items() if value < 1 << 62]
    return " and ".join(words)


def _text(text: str) -> str:
    """Paragraphs, each in one line."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in inspect.cleandoc(text).split("\n\n"))


def main(path: str) -> None:
    """Write the page."""
    Path(path).write_text(page())


if __name__ == "__main__":
    main(*sys.argv[1:])
