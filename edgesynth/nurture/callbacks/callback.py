"""What acts on a network's weights besides the gradient: called after every step of training.

Adding one means adding a file: whoever calls `nurture` hands it over. They act in the order given, after the dead
synapses have been cleared.
"""

from __future__ import annotations

from typing import Any

from torch import nn


class Callback:
    """Acts on nothing; override what is of interest."""

    def begin(self, network: nn.Module, epochs: int, steps_per_epoch: int) -> None:
        """Training begins; the network lies where it will be trained, and its parameters stay the same objects."""

    def after_step(self, step: int) -> None:
        """So many steps had been done before the one that was just taken; the first is 0."""

    def end(self) -> None:
        """Training is over."""

    def facts(self) -> dict[str, Any]:
        """What the individual's record should say of it; plain values that training again would give again."""
        return {}
