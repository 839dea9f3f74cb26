"""The instrument: measures a network on the machine that a run aims at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from torch import nn

from edgesynth.lineage import Figures, Known


class Instrument(Protocol):
    """Measures networks; handed in, since evolution knows no benchmark."""

    def __call__(
        self, network: nn.Module, input_shape: Sequence[int], bred: Mapping[str, str], known: Known
    ) -> Figures:
        """Measure a network.

        Args:
            network: physically small, in evaluation mode.
            input_shape: (C, H, W).
            bred: {weight: precision} that it was trained with, as `Genome.precision`.
            known: what was measured before; that must not be measured again.

        Raises:
            UserError: the machine cannot be reached, went away, or cannot run it.
        """
        ...
