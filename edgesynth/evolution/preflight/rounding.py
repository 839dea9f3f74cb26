"""What `--allocation shape` chooses from, told in the first lines of a run."""

from __future__ import annotations

from edgesynth.config import AUTO
from edgesynth.evolution.budgets.machine import Machine
from edgesynth.lineage import Config


def rounding_note(config: Config, machine: Machine) -> str:
    """What is to be reported of the widths that may be chosen; empty where no integer program chooses them.

    Args:
        config: of the run.
        machine: that it aims at.
    """
    if config.allocation != "shape" or config.strategy != "heredity":
        return ""
    what = "widths and branches" if config.branches else "widths"
    return (
        f"an integer program chooses {what} (--allocation shape); --round-to {config.round_to}: {_of(config, machine)}"
    )


def _of(config: Config, machine: Machine) -> str:
    if config.round_to != AUTO:
        return f"multiples of {config.round_to}"
    if machine.times is not None:
        return "any width, by the steps of the measured times"
    liked = machine.multiples
    numbers = f"multiples of {liked.dense}"
    if machine.board is None:
        return f"{numbers}, the floats of a vector" + (" of this processor" if config.vector_floats else "")
    if liked.grouped != liked.dense:
        numbers += f" ({liked.grouped} of grouped convolutions)"
    return f"{numbers}, for {machine.board.title} at {machine.precision}, by the steps of its predicted times"
