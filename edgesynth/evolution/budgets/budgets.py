"""The yardstick: what a network has of everything that can be budgeted, and whether that is within the budgets.

Totals of the census are counted; latency and energy are predicted by a board's cost model, or measured on the machine
itself, and then it is the worse end of the interval that counts. The smaller is always the better: a least number of
images per joule is a most of energy for each.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from edgesynth.anatomy import Anatomy, Census
from edgesynth.anatomy.groups import layer_name
from edgesynth.boards.board import Board
from edgesynth.lineage import Config, Figures, Individual, Record, board_of, precision_on
from edgesynth.planning.cost import Layer, Prediction, predict_layers, product
from edgesynth.planning.cost.fitted import EFFICIENCY

OPTIONS = {
    "synapses": "--max-synapses",
    "clusters": "--max-clusters",
    "macs": "--max-macs",
    "params": "--max-params",
    "sparse_bytes": "--max-bytes",
    "latency_ms": "--max-latency-ms",
    "energy_mj": "--min-images-per-joule",
}
COUNTED = ("synapses", "clusters", "macs", "params", "sparse_bytes")
AIM = 0.97  # of a budget that is measured: what an offspring is drawn for
ON_BOARD = ("latency_ms", "energy_mj")


class Yardstick:
    """Measures networks of one run.

    Args:
        config: budgets and board.
        anatomy: of the ancestor; without it nothing is predicted.
        other_kernels: the ancestor's kernels besides its convolutions and linear layers; see `Species`.

    Attributes:
        budgets: {name: most that is allowed}.
        figures: {individual: what was measured of it}.
    """

    def __init__(self, config: Config, anatomy: Anatomy | None = None, other_kernels: Sequence[Layer] = ()) -> None:
        self.config = config
        self.anatomy = anatomy
        self.other_kernels = other_kernels
        self.budgets: dict[str, float] = {**config.budgets, **config.board_budgets}
        self.figures: dict[str, Figures] = {}
        self._parent: Individual | None = None

    @cached_property
    def board(self) -> Board | None:
        """The board that is predicted.

        Raises:
            UserError: there is none of that name.
        """
        return board_of(self.config)

    @property
    def precision(self) -> str:
        """Precision of the engine."""
        return precision_on(self.board, self.config)

    def is_measured(self, name: str) -> bool:
        """Whether what a budget names is measured in this run."""
        return name in ON_BOARD and self.config.measure_on is not None

    def seen_from(self, parent: Individual) -> Yardstick:
        """The yardstick for a parent's offspring, which are not measured yet.

        What was measured of the parent corrects what is predicted of them: by the worse end of its interval over its
        own prediction. They aim a little below the budget, so that they meet it when they are measured. Where nothing
        is predicted, they have what the parent has: it is certain only that they are not larger.
        """
        seen = Yardstick(self.config, self.anatomy, self.other_kernels)
        if self.config.measure_on is not None:
            seen._parent = parent
            if self._predicted(parent.record.census, "latency_ms") is not None:
                seen.budgets.update({name: AIM * most for name, most in self.config.board_budgets.items()})
        return seen

    def predict(self, census: Census) -> Prediction | None:
        """Latency and energy of one image on the board, at its fastest power mode; None without a board.

        Convolutions and linear layers come first, in the order of the anatomy's weights. What lies beside them is as
        many kernels as in the ancestor, which move the share of its values that these layers still write.

        Raises:
            UserError: there is no such board, or no source gives its clocks.
        """
        if self.anatomy is None or self.board is None:
            return None
        layers = layers_left(self.anatomy, census)
        share = sum(layer.writes for layer in layers) / self._written
        return predict_layers([*layers, *(_part(one, share) for one in self.other_kernels)], self.board, self.precision)

    @cached_property
    def _written(self) -> int:
        """Values that the ancestor's convolutions and linear layers write."""
        assert self.anatomy is not None
        return sum(layer.writes for layer in layers_left(self.anatomy, self.anatomy.census()))

    def amount(self, census: Census, name: str) -> float:
        """How much a network has of what a budget names; infinite where it cannot be told."""
        if name not in ON_BOARD:
            return float(getattr(census, name))
        predicted = self._predicted(census, name)
        if not self.is_measured(name):
            return math.inf if predicted is None else predicted
        if self._parent is None or self._parent.figures is None:
            return math.inf
        own = self._predicted(self._parent.record.census, name)
        worst = self._parent.figures.worst(name)
        return worst if predicted is None or own is None else worst * predicted / own

    def _predicted(self, census: Census, name: str) -> float | None:
        prediction = self.predict(census)
        if prediction is None:
            return None
        return prediction.latency_ms if name == "latency_ms" else prediction.energy_mj_per_image

    def weight_prices(self, census: Census, name: str) -> dict[str, float]:
        """{weight: what each of its elements has of a network's latency or energy}, the start of kernels left out.

        Where nothing is predicted a latency is taken to go with the MACs.
        """
        predicted = self.predict(census)
        assert self.anatomy is not None
        if predicted is None:
            amount = self.amount(census, name)
            share = (amount if math.isfinite(amount) else 1.0) / census.macs
            return {
                weight: share * left.macs / math.prod(left.shape)
                for weight, left in zip(self.anatomy.weights(), census.layers, strict=True)
            }
        scale = self.amount(census, name) / predicted.latency_ms
        weights = self.anatomy.weights()
        return {
            weight: scale * (kernel.latency_ms - EFFICIENCY.kernel_us * 1e-3) / math.prod(left.shape)
            for weight, kernel, left in zip(weights, predicted.layers[: len(weights)], census.layers, strict=True)
        }

    def meets(self, census: Census, budgets: Mapping[str, float]) -> bool:
        """Whether a network has at most so much of everything that is named."""
        return all(self.amount(census, name) <= most for name, most in budgets.items())

    def unmet(self, census: Census) -> dict[str, float]:
        """The budgets that a network is over."""
        return {name: most for name, most in self.budgets.items() if self.amount(census, name) > most}

    def within(self, census: Census) -> bool:
        """Whether there are budgets and a network meets them all."""
        return bool(self.budgets) and not self.unmet(census)

    def has(self, record: Record, name: str) -> float:
        """How much an individual has of what a budget names; of what is measured, the worse end of its interval."""
        if not self.is_measured(name):
            return self.amount(record.census, name)
        return self.figures[record.name].worst(name) if record.name in self.figures else math.inf

    def accepts(self, record: Record) -> bool:
        """Whether there are budgets and an individual meets them all."""
        return bool(self.budgets) and all(self.has(record, name) <= most for name, most in self.budgets.items())

    def words(self, record: Record) -> str:
        """What an individual has of every budget, such as `40,000 macs of 50,000, predicted 1.4 ms of 3 ms`."""
        return ", ".join(self._used(name, self.has(record, name), most) for name, most in self.budgets.items())

    def _used(self, name: str, amount: float, most: float) -> str:
        if name not in ON_BOARD:
            return f"{amount:,.0f} {name} of {most:,}"
        if not math.isfinite(amount):
            return f"{name} not measured"
        how = "predicted"
        if self.is_measured(name):
            how = "measured at most" if name == "latency_ms" else "measured at least"
        return f"{how} {in_words(name, amount)} of {in_words(name, most)}"


def layers_left(anatomy: Anatomy, census: Census) -> list[Layer]:
    """The convolutions and linear layers that removal leaves, as the cost model sees them."""
    layers = []
    for weight, left in zip(anatomy.weights(), census.layers, strict=True):
        module = anatomy.model.get_submodule(layer_name(weight))
        steps = (*_steps(module, "stride"), *_steps(module, "dilation"))
        outputs, full = left.shape[0], anatomy.shapes[weight]
        groups = getattr(module, "groups", 1) * outputs // full[0]
        positions = left.macs // math.prod(left.shape)
        layers.append(product(left.name, left.shape, positions, groups=max(groups, 1), strided=any(steps)))
    return layers


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


def in_words(name: str, amount: float) -> str:
    """An amount with its unit, such as `2,293,000 macs`, `1.42 ms` or `41.3 images/J`."""
    if name == "latency_ms":
        return f"{amount:.3g} ms"
    if name == "energy_mj":
        return f"{1e3 / amount:.3g} images/J"
    return f"{amount:,.0f} {name}"


def as_given(name: str, most: float) -> str:
    """A budget as its option takes it."""
    return f"{1e3 / most:g}" if name == "energy_mj" else f"{most:g}" if name in ON_BOARD else f"{most:,}"
