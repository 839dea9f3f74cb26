"""`edgesynth data check`: what a folder of data holds, what of it is broken, and whether it can be trained on."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

import click

from edgesynth.cli.options.shared_options import output_options
from edgesynth.cli.terminal.output import print_json, print_lines
from edgesynth.config import Config

SHOWN = 3  # files of each kind that are named; --json names all
MIB = 1 << 20
IMAGE_SIZE, BATCH_SIZE = (Config.model_fields[name].default for name in ("image_size", "batch_size"))


@click.command(name="data")
@click.argument("action", type=click.Choice(["check"]))
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--image-size", type=click.IntRange(1, 16384), default=IMAGE_SIZE, show_default=True, help="Side of the images."
)
@click.option(
    "--batch-size", type=click.IntRange(1), default=BATCH_SIZE, show_default=True, help="Images a training step."
)
@click.option("--ancestor", help="Network whose training's memory is measured.  [default: the images' alone]")
@output_options
def command(action: str, folder: Path, image_size: int, batch_size: int, ancestor: str | None, as_json: bool) -> None:
    """Look over the data in DIR, reading every image, and say which --task reads it.

    Exit code 0 if it can be trained on; files that are broken are then left out. 1 if it cannot, with the reason; 2
    if DIR is no folder or the ancestor does not fit it.
    """
    # Imported here, so that --help does not wait for torch.
    from edgesynth.cli.terminal.console import status
    from edgesynth.evolution.preflight.training_memory import memory_needed
    from edgesynth.tasks.survey import survey

    with status(f"reading {folder}"):
        surveyed, task = survey(folder, image_size)
        memory = memory_needed(task, ancestor, batch_size) if task else {}
    facts = {**surveyed.to_json(), "image_size": image_size, "memory": memory}
    if as_json:
        print_json(facts)
    else:
        print_lines(_lines(facts))
    sys.exit(0 if surveyed.usable else 1)


def _lines(facts: dict[str, Any]) -> list[str]:
    lines = [f"{facts['folder']}: {facts['layout'] or 'no known layout'}, {facts['images']:,} image files"]
    for split, counts in facts["splits"].items():
        by_class = ", ".join(f"{name} {count:,}" for name, count in counts.items())
        lines.append(f"  {split}: {sum(counts.values()):,} ({by_class})")
    if facts["boxes"]:
        lines.append(f"  boxes: {', '.join(f'{name} {count:,}' for name, count in facts['boxes'].items())}")
    for title, findings in (("broken", facts["broken"]), ("converted", facts["converted"])):
        for what, where in findings.items():
            more = f"; and {len(where) - SHOWN:,} more" if len(where) > SHOWN else ""
            lines.append(f"  {title}: {what}, {len(where):,}: {'; '.join(where[:SHOWN])}{more}")
    lines += [f"  note: {note}" for note in facts["notes"]]
    lines += _memory_lines(facts["memory"])
    if facts["usable"]:
        given = f"--image-size {facts['image_size']}" if facts["image_size"] != IMAGE_SIZE else ""
        call = [
            "edgesynth evolve --ancestor",
            facts["memory"]["ancestor"] or "NAME",
            "--task",
            shlex.quote(facts["task"]),
            given,
        ]
        return [*lines, f"Usable: {' '.join(filter(None, call))}"]
    return [*lines, *(f"Not usable: {obstacle}" for obstacle in facts["obstacles"])]


def _memory_lines(memory: dict[str, Any]) -> list[str]:
    if not memory:
        return []
    parts = ", ".join(f"{name} {count / MIB:,.0f} MiB" for name, count in memory["bytes"].items())
    total, free = sum(memory["bytes"].values()), memory["free_bytes"]
    of = f" of {memory['ancestor']} with {memory['batch_size']:,} images a step" if memory["ancestor"] else ""
    lines = [f"  memory{of}: {parts}; {free / MIB:,.0f} MiB are free here"]
    if total > free:
        lines.append("  note: that is more than is free; give a smaller --batch-size or --image-size")
    return lines
