"""A command with more options than a screen: `--help` shows those that most people need, `--help-all` all of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import click

from edgesynth.cli.terminal.output import print_lines

OTHERS = "Other options"


class HeadedCommand(click.Command):
    """A click command whose options stand under headings.

    Args:
        common: names of the options that `--help` shows.
        headings: {heading: names of its options}, in the order of `--help-all`. An option that is named nowhere stands
            under the heading of the option before it.
        arguments: of `click.Command`.
    """

    def __init__(
        self, *arguments: Any, common: Collection[str], headings: Mapping[str, Collection[str]], **options: Any
    ) -> None:
        super().__init__(*arguments, **options)
        self.common = common
        self.headings = headings
        everything = click.Option(
            ["--help-all"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=self._print_everything,
            help="Show all options, by subject.",
        )
        self.params.append(everything)

    def by_heading(self) -> dict[str, list[click.Parameter]]:
        """{heading: its options}, each option once."""
        heading_of = {name: heading for heading, names in self.headings.items() for name in names}
        placed: dict[str, list[click.Parameter]] = {heading: [] for heading in (*self.headings, OTHERS)}
        heading = OTHERS
        for parameter in self.params:
            heading = heading_of.get(parameter.name or "", heading)
            placed[heading].append(parameter)
        return {heading: options for heading, options in placed.items() if options}

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the common options, and how many more there are."""
        shown = {parameter.name: parameter for parameter in self.params}
        common = [shown[name] for name in (*self.common, "help_all")]
        self._write(ctx, formatter, "Options", [*common, *filter(None, [self.get_help_option(ctx)])])
        more = len(self.params) - len(common)
        formatter.write_paragraph()
        formatter.write_text(f"{more} more options are under `{ctx.command_path} --help-all`.")

    def _print_everything(self, ctx: click.Context, option: click.Parameter, value: bool) -> None:
        if not value or ctx.resilient_parsing:
            return
        formatter = ctx.make_formatter()
        self.format_usage(ctx, formatter)
        self.format_help_text(ctx, formatter)
        for heading, options in self.by_heading().items():
            self._write(ctx, formatter, heading, options)
        print_lines(formatter.getvalue().splitlines())
        ctx.exit()

    @staticmethod
    def _write(
        ctx: click.Context, formatter: click.HelpFormatter, heading: str, options: Collection[click.Parameter]
    ) -> None:
        records = [option.get_help_record(ctx) for option in options]
        with formatter.section(heading):
            formatter.write_dl([record for record in records if record])
