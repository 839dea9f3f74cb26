"""The interface of every source of times."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from edgesynth.boards.probed import LayerShape
from edgesynth.boards.probed.grid import Beside, Place


class LatencyTimes:
    """Times of one engine at one precision and batch.

    A source defines the attributes, `times_ms` and `beside_ms`; the other methods follow from these.

    Attributes:
        call_ms: time of a call beside its kernels.
        source: where the times come from, in words.
        machine: the machine that takes these times.
        mode: how it runs: its power mode, or its engine and threads.
    """

    call_ms: float
    source: str
    machine: str
    mode: str

    def times_ms(self, layer: LayerShape, inputs: Sequence[int], outputs: Sequence[int]) -> np.ndarray:
        """Times of a layer at other widths.

        Args:
            layer: its shape; the number of inputs in it does not matter.
            inputs: channels that it reads, of all groups together, each at least 1; the times of a depthwise
                convolution do not depend on them.
            outputs: channels that it writes, each at least 1.

        Returns:
            (len(inputs), len(outputs)), float64, ms for the batch.

        Raises:
            UserError: the source knows no such layer, or none as wide.
        """
        raise NotImplementedError

    def beside_ms(self, beside: Beside) -> float:
        """Time of operators beside the layers, ms for the batch."""
        raise NotImplementedError

    def time_ms(self, layer: LayerShape, inputs: int, outputs: int) -> float:
        """Time of a layer at other widths; see `times_ms`."""
        return float(self.times_ms(layer, [inputs], [outputs])[0, 0])

    def network_ms(self, layers: Iterable[Place], beside: Iterable[Beside] = ()) -> float:
        """Time of a network: the call, its layers and what lies beside them, one after the other.

        Raises:
            UserError: see `times_ms`.
        """
        spent = self.call_ms + sum(self.time_ms(*layer) for layer in layers)
        return spent + sum(self.beside_ms(operators) for operators in beside)
