"""`edgesynth anatomy`: what can be cut out of a network, what cannot and why, and its size."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

from edgesynth.cli.output import json_option, print_json, print_lines
from edgesynth.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from edgesynth.anatomy import Anatomy, ClusterGroup
    from edgesynth.cli.console import LiteralTable

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
@json_option
@click.option("--prove/--no-prove", default=True, help="Cut every group in several ways and compare.  [default: prove]")
def command(network: str, inputs: tuple[str, ...], as_json: bool, prove: bool) -> None:
    """Show what can be cut out of MODEL, what cannot and why, and its size.

    MODEL is the name of an ancestor, or package.module:callable for any other network: your own, or one of
    torchvision's, such as torchvision.models:resnet18. Its weights are random, seeded.
    """
    # Imported here, so that --help does not wait for torch.
    import torch

    from edgesynth.anatomy import prove_groups, trace
    from edgesynth.ancestors import build_ancestor, example_shape, in_float32
    from edgesynth.cli.console import console, status

    shapes = [_sizes(text) for text in inputs]
    torch.manual_seed(0)
    with status(f"building {network}") as say:
        model = build_ancestor(network)
        examples = tuple(_random(shape) for shape in shapes or [example_shape(network)])
        if len(examples) == 1:
            in_float32(network, model, examples[0].shape[1:])
        say(f"tracing {network}")
        anatomy = trace(model, examples)
        if prove:
            say(f"proving the removal of {len(anatomy.removable)} groups")
            anatomy = prove_groups(model, anatomy, examples)
    facts = _facts(network, anatomy, examples, prove)
    if as_json:
        print_json(facts)
        return
    screen = console()
    screen.print(_groups_table(facts), "", _census_table(facts), "", sep="\n")
    print_lines(_summary(facts))


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


def _groups_table(facts: dict[str, Any]) -> LiteralTable:
    """One line for each cluster group; clusters that die in blocks as `12 x 64`."""
    from edgesynth.cli.console import LiteralTable

    words = ("group", "layers", "can be cut")
    table = LiteralTable("group", "clusters", "layers", "can be cut", right=("clusters",), fold=words)
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


def _census_table(facts: dict[str, Any]) -> LiteralTable:
    """One line for each layer, and the total."""
    from edgesynth.cli.console import LiteralTable

    words, numbers = ("layer", "weight"), ("clusters", "synapses", "MACs")
    table = LiteralTable(*words, *numbers, right=numbers, fold=words)
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


def _summary(facts: dict[str, Any]) -> list[str]:
    census, removable, channels = facts["census"], facts["removable_output_channels"], facts["output_channels"]
    groups = sum(group["removable"] for group in facts["groups"])
    return [
        f"{removable:,} of {channels:,} output channels ({100 * removable / max(channels, 1):.1f} %) can be cut, "
        f"in {groups} of {len(facts['groups'])} groups{', proven' if facts['proven'] else '; not proven'}.",
        f"{census['params']:,} parameters, {census['dense_bytes']:,} bytes dense, {census['sparse_bytes']:,} sparse.",
        *([f"Note: {facts['note']}."] if facts["note"] else []),
    ]
