"""`edgesynth anatomy`: what can be cut out of a network, what cannot and why, and its size."""

from __future__ import annotations

import re
from typing import Any

import click

from edgesynth.cli.options.shared_options import output_options
from edgesynth.cli.terminal.output import print_json, print_line, print_lines, print_table
from edgesynth.errors import UserError
from edgesynth.text_table import TextTable

NAMES_SHOWN = 2  # further layers of a group that the table names


@click.command(name="anatomy")
@click.argument("network", metavar="MODEL")
@click.option(
    "--input",
    "inputs",
    multiple=True,
    metavar="SIZES",
    help="Shape of an input, such as 1x3x224x224; once for each input of the network.  "
    "[default: the ancestor's own, else 1x3x224x224]",
)
@output_options
@click.option("--prove/--no-prove", default=True, help="Cut every group in several ways and compare.  [default: prove]")
def command(network: str, inputs: tuple[str, ...], as_json: bool, prove: bool) -> None:
    """Show what can be cut out of MODEL, what cannot and why, and its size.

    MODEL is the name of an ancestor, or package.module:callable for any other network: your own, or one of
    torchvision's, such as torchvision.models:resnet18. Its weights are random, seeded.
    """
    # Imported here, so that --help does not wait for torch.
    from edgesynth.ancestors.inspection import inspect_network
    from edgesynth.cli.terminal.console import status

    shapes = [_sizes(text) for text in inputs]
    with status(f"building {network}") as say:
        facts = inspect_network(network, shapes, prove, say)
    if as_json:
        print_json(facts)
        return
    print_table(_groups_table(facts))
    print_line("")
    if facts["branches"]:
        print_table(_branches_table(facts))
        print_line("")
    print_table(_census_table(facts))
    print_line("")
    print_lines(_summary(facts))


def _sizes(text: str) -> tuple[int, ...]:
    """(1, 3, 224, 224) of `1x3x224x224`."""
    if not re.fullmatch(r"0*[1-9]\d*(x0*[1-9]\d*)*", text):
        raise UserError(f"--input {text} is not a shape; it must be sizes of at least 1 with x between, as 1x3x224x224")
    return tuple(int(size) for size in text.split("x"))


def _groups_table(facts: dict[str, Any]) -> TextTable:
    """One line for each cluster group; clusters that die in blocks as `12 x 64`."""
    words = ("group", "layers", "can be cut")
    table = TextTable("group", "clusters", "layers", "can be cut", right=("clusters",), fold=words)
    for group in facts["groups"]:
        block = group["clusters"] // group["units"]
        table.add_row(
            group["name"],
            f"{group['units']:,}" if block <= 1 else f"{group['units']:,} x {block}",
            _named(group["layers"]),
            "yes" if group["removable"] else f"no: {group['reason']}",
        )
    return table


def _branches_table(facts: dict[str, Any]) -> TextTable:
    """One line for each branch, with what the census loses if it alone is removed."""
    words, numbers = ("branch", "place", "layers", "can be removed"), ("parameters", "MACs")
    table = TextTable(*words[:3], *numbers, words[3], right=numbers, fold=words)
    for branch in facts["branches"]:
        table.add_row(
            branch["name"],
            branch["place"],
            str(len(branch["layers"])),
            *(f"{branch[key]:,}" if branch["removable"] else "" for key in ("params", "macs")),
            "yes" if branch["removable"] else f"no: {branch['reason']}",
        )
    return table


def _named(layers: list[str]) -> str:
    """How many layers a group spans, and the first of those that its name does not tell."""
    others = layers[1 : 1 + NAMES_SHOWN]
    more = ", ..." if len(layers) > 1 + NAMES_SHOWN else ""
    return f"{len(layers)}: also {', '.join(others)}{more}" if others else str(len(layers))


def _census_table(facts: dict[str, Any]) -> TextTable:
    """One line for each layer, and the total."""
    words, numbers = ("layer", "weight"), ("clusters", "synapses", "MACs")
    table = TextTable(*words, *numbers, right=numbers, fold=words)
    census = facts["census"]
    for layer in census["layers"]:
        table.add_row(
            layer["name"],
            "x".join(map(str, layer["shape"])),
            *(f"{layer[name.lower()]:,}" for name in numbers),
        )
    table.add_row("in all", "", *(f"{census[name.lower()]:,}" for name in numbers))
    return table


def _summary(facts: dict[str, Any]) -> list[str]:
    census, removable, channels = facts["census"], facts["removable_output_channels"], facts["output_channels"]
    groups = sum(group["removable"] for group in facts["groups"])
    return [
        f"{removable:,} of {channels:,} output channels ({100 * removable / max(channels, 1):.1f} %) can be cut, "
        f"in {groups} of {len(facts['groups'])} groups{', proven' if facts['proven'] else '; not proven'}.",
        *_summary_of_branches(facts),
        f"{census['params']:,} parameters, {census['dense_bytes']:,} bytes dense, {census['sparse_bytes']:,} sparse.",
        *([f"Note: {facts['note']}."] if facts["note"] else []),
    ]


def _summary_of_branches(facts: dict[str, Any]) -> list[str]:
    branches, macs = facts["branches"], facts["census"]["macs"]
    if not branches:
        return []
    removable = sum(branch["removable"] for branch in branches)
    share = 100 * (macs - facts["macs_without_branches"]) / max(macs, 1)
    return [f"{removable} of {len(branches)} branches can be removed, with {share:.1f} % of the MACs."]
