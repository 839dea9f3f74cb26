"""`edgesynth anatomy`: what can be cut out of a network, what cannot and why, and its size."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Any

import click

from edgesynth.errors import UserError

if TYPE_CHECKING:
    from rich.table import Table
    from torch import Tensor

    from edgesynth.anatomy import Anatomy, ClusterGroup

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
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
@click.option("--prove/--no-prove", default=True, help="Cut half of every group and compare.  [default: prove]")
def command(network: str, inputs: tuple[str, ...], as_json: bool, prove: bool) -> None:
    """Show what can be cut out of MODEL, what cannot and why, and its size.

    MODEL is the name of an ancestor, or package.module:callable for any other network: your own, or one of
    torchvision's, such as torchvision.models:resnet18. Its weights are random, seeded.
    """
    # Imported here, so that --help does not wait for torch.
    import torch
    from rich.console import Console

    from edgesynth.anatomy import prove_groups, trace
    from edgesynth.ancestors import build_ancestor, example_shape

    shapes = [_sizes(text) for text in inputs]
    torch.manual_seed(0)
    # Not stderr=True: that would follow sys.stderr, which tracing takes away from torch for a while.
    with Console(file=sys.stderr).status(f"building {network}") as status:
        model = build_ancestor(network)
        examples = tuple(_random(shape) for shape in shapes or [example_shape(network)])
        status.update(f"tracing {network}")
        anatomy = trace(model, examples)
        if prove:
            status.update(f"proving the removal of {len(anatomy.removable)} groups")
            anatomy = prove_groups(model, anatomy, examples)
    facts = _facts(network, anatomy, examples, prove)
    if as_json:
        click.echo(json.dumps(facts, indent=1))
        return
    console = Console(highlight=False)
    console.print(_groups_table(facts))
    console.print()
    console.print(_census_table(facts))
    console.print()
    console.print(_summary(facts), soft_wrap=True)


def _sizes(text: str) -> tuple[int, ...]:
    """(1, 3, 224, 224) of `1x3x224x224`."""
    if not re.fullmatch(r"0*[1-9]\d*(x0*[1-9]\d*)*", text):
        raise UserError(f"--input {text} is not a shape; it must be sizes of at least 1 with x between, as 1x3x224x224")
    return tuple(int(size) for size in text.split("x"))


def _random(shape: tuple[int, ...]) -> Tensor:
    import torch

    try:
        return torch.randn(shape)
    except (RuntimeError, TypeError, OverflowError) as error:
        raise UserError(
            f"--input {'x'.join(map(str, shape))} does not fit into memory; give the size of one input of the network"
        ) from error


def _facts(network: str, anatomy: Anatomy, inputs: tuple[Tensor, ...], proven: bool) -> dict[str, Any]:
    """Everything that is shown, as plain values."""
    channels = anatomy.removable_channels()
    return {
        "network": network,
        "inputs": [list(example.shape) for example in inputs],
        "proven": proven,
        "groups": [_group(group) for group in anatomy.groups],
        "output_channels": sum(whole for _, whole in channels.values()),
        "removable_output_channels": round(sum(part for part, _ in channels.values())),
        "census": anatomy.census().to_json(),
        "note": anatomy.note,
    }


def _group(group: ClusterGroup) -> dict[str, Any]:
    writers = group.writers()
    layers = dict.fromkeys(writer.parameter.rpartition(".")[0] or writer.parameter for writer in writers)
    return {
        "name": group.name,
        "units": group.size,
        "clusters": int((writers[0].units >= 0).sum()) if writers else group.size,
        "layers": list(layers),
        "removable": group.removable and group.size > 1,
        "reason": group.reason or ("" if group.size > 1 else "a single unit, and one must stay"),
    }


def _groups_table(facts: dict[str, Any]) -> Table:
    """One line for each cluster group; clusters that die in blocks as `12 x 64`."""
    table = _table("group", "clusters", "layers", "can be cut", right=("clusters",))
    for group in facts["groups"]:
        block = group["clusters"] // group["units"]
        table.add_row(
            group["name"],
            f"{group['units']:,}" if block <= 1 else f"{group['units']:,} x {block}",
            _named(group["layers"]),
            "yes" if group["removable"] else f"no: {group['reason']}",
        )
    return table


def _named(layers: list[str]) -> str:
    """How many layers a group spans, and the first of those that its name does not tell."""
    others = layers[1 : 1 + NAMES_SHOWN]
    more = ", ..." if len(layers) > 1 + NAMES_SHOWN else ""
    return f"{len(layers)}: also {', '.join(others)}{more}" if others else str(len(layers))


def _census_table(facts: dict[str, Any]) -> Table:
    """One line for each layer, and the total."""
    numbers = ("clusters", "synapses", "MACs")
    table = _table("layer", "weight", *numbers, right=numbers)
    census = facts["census"]
    for layer in census["layers"]:
        table.add_row(
            layer["name"],
            "x".join(map(str, layer["shape"])),
            *(f"{layer[name.lower()]:,}" for name in numbers),
        )
    table.add_section()
    table.add_row("in all", "", *(f"{census[name.lower()]:,}" for name in numbers), style="bold")
    return table


def _summary(facts: dict[str, Any]) -> str:
    census, removable, channels = facts["census"], facts["removable_output_channels"], facts["output_channels"]
    groups = sum(group["removable"] for group in facts["groups"])
    return (
        f"{removable:,} of {channels:,} output channels ({100 * removable / max(channels, 1):.1f} %) can be cut, "
        f"in {groups} of {len(facts['groups'])} groups{', proven' if facts['proven'] else '; not proven'}.\n"
        f"{census['params']:,} parameters, {census['dense_bytes']:,} bytes dense, {census['sparse_bytes']:,} sparse."
        + (f"\nNote: {facts['note']}." if facts["note"] else "")
    )


def _table(*headings: str, right: tuple[str, ...]) -> Table:
    """A table whose numbers stay whole and whose words fold, so that nothing is lost at 80 columns."""
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in headings:
        table.add_column(
            heading, justify="right" if heading in right else "left", no_wrap=heading in right, overflow="fold"
        )
    return table
