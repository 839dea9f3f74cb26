"""The machine that a run aims at: what the cost model predicts of a network there, and whether it is measured instead.

Convolutions and linear layers are predicted from the census, what lies beside them from the ancestor's kernels.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgesynth.anatomy import Anatomy, Census
from edgesynth.anatomy.groups import layer_name
from edgesynth.boards.board import Board
from edgesynth.boards.channel_multiples import Multiples, multiples_of
from edgesynth.evolution.budgets.layer_times import LayerTimes
from edgesynth.lineage import Config, board_of, precision_on
from edgesynth.planning.cost import Layer, Prediction, predict_layers, product
from edgesynth.planning.cost.times import BoardTimes

Counts = NDArray[np.int64]
Correction = Mapping[str, float]  # {budget: measured over predicted}
USUAL_FLOATS = 8  # in a vector of a machine of which nothing is known


class Machine:
    """The machine that a run aims at.

    Args:
        config: names the board, or none, and where is measured.
        anatomy: of the ancestor; without it nothing is predicted.
        other_kernels: the ancestor's kernels besides its convolutions and linear layers; see `Species`.
        correction: of what is predicted, where the run is measured; empty while nothing is.
        times: by which latency is predicted in place of a board's cost model, such as this machine's grid.

    Attributes:
        is_measured: whether latency and energy are measured in this run.
    """

    def __init__(
        self,
        config: Config,
        anatomy: Anatomy | None = None,
        other_kernels: Sequence[Layer] = (),
        correction: Correction | None = None,
        times: LayerTimes | None = None,
    ) -> None:
        self.config = config
        self.anatomy = anatomy
        self.other_kernels = other_kernels
        self.correction: Correction = correction or {}
        self.times = times
        self.is_measured = config.measure_on is not None

    def corrected(self, correction: Correction) -> Machine:
        """The same machine for offspring, which are not measured yet."""
        return Machine(self.config, self.anatomy, self.other_kernels, correction, self.times)

    @cached_property
    def board(self) -> Board | None:
        """The board that is predicted.

        Raises:
            UserError: there is none of that name.
        """
        return board_of(self.config)

    @property
    def title(self) -> str:
        """What the machine that is predicted is called."""
        if self.times is not None:
            return self.times.times.machine
        return "no board" if self.board is None else self.board.title

    @property
    def precision(self) -> str:
        """Precision of the engine."""
        return precision_on(self.board, self.config)

    @property
    def multiples(self) -> Multiples:
        """Multiples of channels that its engine likes; of those whose times are measured any number: they tell."""
        if self.times is not None:
            return Multiples()
        if self.board is not None:
            return multiples_of(self.board, self.precision)
        floats = self.config.vector_floats or USUAL_FLOATS
        return Multiples(floats, floats)

    def predict(self, census: Census) -> Prediction | None:
        """Latency and energy of one image on the board, at its fastest power mode; None without a board.

        With times of layers it is their sum, and says nothing of energy.

        Convolutions and linear layers come first, in the order of the anatomy's weights. What lies beside them is as
        many kernels as in the ancestor, which move the share of its values that these layers still write.

        Raises:
            UserError: there is no such board, no source gives its clocks, or the times know no such layer.
        """
        if self.times is not None:
            return self.times.predict(census, self.precision)
        if self.anatomy is None or self.board is None:
            return None
        layers = layers_left(self.anatomy, census)
        share = sum(layer.writes for layer in layers) / self._written
        others = (_part(kernel, share) for kernel in self.other_kernels)
        return predict_layers([*layers, *others], self.board, self.precision)

    def layer_ms(self, place: int, read: Counts, written: Counts) -> NDArray[np.float64]:
        """Predicted milliseconds of a layer at other widths, for one image.

        Args:
            place: in `Anatomy.layers`.
            read: (n,) sizes of the dimension of its weight that reads, at least 1.
            written: (m,) sizes of the one that is written, at least 1.

        Returns:
            (n, m).
        """
        if self.times is not None:
            return self.times.table(place, read, written)
        layers = self._at_widths(place, read, written)
        return np.array([self._board_times.layer_ms(layer) for layer in layers]).reshape(len(read), len(written))

    def layer_macs(self, place: int, read: Counts, written: Counts) -> NDArray[np.float64]:
        """(n, m) multiply-accumulates of a layer at other widths, as `layer_ms` takes them."""
        layers = self._at_widths(place, read, written)
        return np.array([float(layer.macs) for layer in layers]).reshape(len(read), len(written))

    def _at_widths(self, place: int, read: Counts, written: Counts) -> list[Layer]:
        assert self.anatomy is not None
        use = self.anatomy.layers[place]
        full = self.anatomy.shapes[use.weight]
        layers = []
        for inputs, outputs in itertools.product(read.tolist(), written.tolist()):
            shape = list(full)
            shape[1 - use.written], shape[use.written] = inputs, outputs
            layers.append(_layer(self.anatomy, use.weight, layer_name(use.weight), tuple(shape), use.positions))
        return layers

    @cached_property
    def _board_times(self) -> BoardTimes:
        assert self.board is not None
        return BoardTimes(self.board, self.precision)

    @cached_property
    def _written(self) -> int:
        """Values that the ancestor's convolutions and linear layers write."""
        assert self.anatomy is not None
        return sum(layer.writes for layer in layers_left(self.anatomy, self.anatomy.census()))


def layers_left(anatomy: Anatomy, census: Census) -> list[Layer]:
    """The convolutions and linear layers that removal leaves, in order, as the cost model sees them."""
    layers = []
    for weight, left in zip(anatomy.weights(), census.layers, strict=True):
        if not left.macs:
            continue  # gone with a branch
        positions = left.macs // math.prod(left.shape)
        layers.append(_layer(anatomy, weight, left.name, left.shape, positions))
    return layers


def _layer(anatomy: Anatomy, weight: str, name: str, shape: tuple[int, ...], positions: int) -> Layer:
    """A layer whose weight has another shape than in the ancestor."""
    module = anatomy.model.get_submodule(layer_name(weight))
    steps = (*_steps(module, "stride"), *_steps(module, "dilation"))
    groups = getattr(module, "groups", 1) * shape[0] // anatomy.shapes[weight][0]
    return product(name, shape, positions, groups=max(groups, 1), strided=any(steps))


def _part(kernel: Layer, share: float) -> Layer:
    """A kernel that moves and multiplies a share of what it did."""
    reads, writes, macs = (int(share * count) for count in (kernel.reads, kernel.writes, kernel.macs))
    return Layer(kernel.name, kernel.kind, reads, writes, macs, rows=kernel.rows, columns=kernel.columns)


def _steps(module: object, name: str) -> tuple[bool, ...]:
    """For each dimension, whether windows skip positions."""
    steps = getattr(module, name, 1)
    return tuple(step != 1 for step in (steps if isinstance(steps, tuple) else (steps,)))


def kept_facts(prediction: Prediction) -> dict[str, Any]:
    """What a run keeps of a prediction beside an individual; another version of the cost model may say otherwise."""
    names = ("board", "mode", "precision", "batch", "latency_ms", "error", "energy_error")
    own = {name: getattr(prediction, name) for name in names}
    return {"source": "predicted", **own, "images_per_joule": prediction.images_per_joule}
