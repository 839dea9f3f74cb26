"""Times from a grid that `edgesynth probe --grid` measured; between its places they follow the blocks of the engine."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from edgesynth.boards.probed import LayerShape
from edgesynth.boards.probed.grid import AFTER, Beside, Grid, any_inputs, kind_name, read_grid
from edgesynth.boards.probed.shape import DEPTHWISE
from edgesynth.errors import UserError
from edgesynth.planning.cost.times.blocks import Blocks, learned
from edgesynth.planning.cost.times.times import LatencyTimes

Points = dict[tuple[int, int], float]


class GridTimes(LatencyTimes):
    """Times of the machine that a grid was measured on.

    Args:
        grid: as it was read.
    """

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self.call_ms = grid.call_ms
        facts = grid.facts
        engine = f"{facts['engine']['name']} {facts['engine']['version']}"
        self.machine = facts["board"] or facts["machine"].get("cpu") or "this machine"
        threads = "one thread" if facts["threads"] == 1 else f"{facts['threads']} threads"
        self.mode = f"{engine}, {threads}"
        self.source = f"measured on {self.machine} with {engine} at {facts['precision']}, {threads}"

    @classmethod
    def read(cls, path: str) -> GridTimes:
        """From a file.

        Raises:
            UserError: see `read_grid`.
        """
        return cls(read_grid(path))

    def times_ms(self, layer: LayerShape, inputs: Sequence[int], outputs: Sequence[int]) -> np.ndarray:
        """See `LatencyTimes.times_ms`; a layer wider than the widest that was measured is refused."""
        shape = any_inputs(layer)
        points = self.grid.layers.get(shape)
        if not points:
            raise UserError(
                f"{self.grid.source} knows no {kind_name(shape)}; probe a network that has it: edgesynth probe --grid"
            )
        rows, columns = np.asarray(inputs, dtype=np.int64), np.asarray(outputs, dtype=np.int64)
        if shape.op == DEPTHWISE:
            rows = np.ones_like(rows)
        self._check(layer, rows, columns, points)
        return _between(points, *self._blocks(shape), rows, columns)

    def beside_ms(self, beside: Beside) -> float:
        """See `LatencyTimes.beside_ms`.

        It is on the line through the measured times of these operators, or of the same operators after others if there
        are none. Operators that were never measured cost as much for each element as the slowest of the known ones.
        """
        own = beside.op.split(AFTER)[0]
        others = (points for op, points in self.grid.beside.items() if op.split(AFTER)[0] == own)
        points = self.grid.beside.get(beside.op) or next(others, None)
        if points:
            return _on_line(points, beside.elements)
        known = [ms / elements for points in self.grid.beside.values() for elements, ms in points.items()]
        return max(known, default=0.0) * beside.elements

    def blocks(self, layer: LayerShape) -> tuple[Blocks, Blocks]:
        """The blocks in which inputs and outputs of such a layer are computed, as the grid shows."""
        return self._blocks(any_inputs(layer))

    def _blocks(self, shape: LayerShape) -> tuple[Blocks, Blocks]:
        return self._learned.get(_kind(shape), (Blocks(), Blocks()))

    @cached_property
    def _learned(self) -> dict[tuple[str, bool, bool], tuple[Blocks, Blocks]]:
        """Blocks of inputs and of outputs of each kind of layer, from its longest rows of neighboring widths."""
        longest: dict[tuple[str, bool, bool], list[dict[int, float]]] = {}
        for shape, points in self.grid.layers.items():
            rows = longest.setdefault(_kind(shape), [{}, {}])
            for axis in (0, 1):
                for row in _rows(points, axis).values():
                    if _neighbors(row) > _neighbors(rows[axis]):
                        rows[axis] = row
        return {kind: (learned(rows[0]), learned(rows[1])) for kind, rows in longest.items()}

    def _check(self, layer: LayerShape, rows: np.ndarray, columns: np.ndarray, points: Points) -> None:
        for what, asked, measured in (
            ("inputs", rows, max(inputs for inputs, _ in points)),
            ("outputs", columns, max(outputs for _, outputs in points)),
        ):
            if asked.size and (asked.min() < 1 or asked.max() > measured):
                raise UserError(
                    f"{self.grid.source} knows {what} of 1 to {measured} of {kind_name(layer)}, and "
                    f"{int(asked.min())} to {int(asked.max())} are asked for; probe a network as wide"
                )


def _kind(shape: LayerShape) -> tuple[str, bool, bool]:
    """What layers of the same blocks have in common: op, whether grouped, whether the window is one place."""
    return shape.op, shape.groups > 1, all(length == 1 for length in shape.window)


def _rows(points: Points, axis: int) -> dict[int, dict[int, float]]:
    """{width in the other direction: {width along an axis: ms}}."""
    rows: dict[int, dict[int, float]] = {}
    for place, ms in points.items():
        rows.setdefault(place[1 - axis], {})[place[axis]] = ms
    return rows


def _neighbors(row: dict[int, float]) -> int:
    return sum(width + 1 in row for width in row)


def _between(
    points: Points, of_inputs: Blocks, of_outputs: Blocks, rows: np.ndarray, columns: np.ndarray
) -> np.ndarray:
    """Times between measured places: in each pair of zones interpolated along the outputs, then along the inputs."""
    measured = _rows(points, 1)
    times = np.empty((len(rows), len(columns)))
    row_zones, column_zones = of_inputs.zone(rows), of_outputs.zone(columns)
    for column_zone in np.unique(column_zones):
        lines = {width: _in_zone(row, of_outputs, int(column_zone)) for width, row in measured.items()}
        places = np.flatnonzero(column_zones == column_zone)
        for widths, part in _covering(lines, of_outputs, columns[places]):
            ask = columns[places[part]]
            at = {width: _along(lines[width], of_outputs, ask) for width in widths}
            for row_zone in np.unique(row_zones):
                wanted = np.flatnonzero(row_zones == row_zone)
                nodes = sorted(_in_zone(dict.fromkeys(at, 0.0), of_inputs, int(row_zone)))
                times[np.ix_(wanted, places[part])] = _interpolated(
                    of_inputs.effective(np.array(nodes)),
                    np.stack([at[node] for node in nodes]),
                    of_inputs.effective(rows[wanted]),
                )
    return np.maximum(times, 0.0)


def _covering(
    lines: dict[int, dict[int, float]], of_outputs: Blocks, columns: np.ndarray
) -> list[tuple[tuple[int, ...], np.ndarray]]:
    """Columns by the rows that cover them: those measured on both sides of a column, or the longest where none are.

    Rows differ in length: a dense row in the other direction adds rows of one place, and networks differ in the number
    of their classes.
    """
    ends = {width: of_outputs.effective(np.array([min(line), max(line)])) for width, line in lines.items()}
    longest = max(high - low for low, high in ends.values())
    fallback = tuple(width for width, (low, high) in ends.items() if high - low == longest)
    parts: dict[tuple[int, ...], list[int]] = {}
    for place, at in enumerate(of_outputs.effective(columns)):
        widths = tuple(width for width, (low, high) in ends.items() if low <= at <= high)
        parts.setdefault(widths or fallback, []).append(place)
    return [(widths, np.array(part)) for widths, part in parts.items()]


def _in_zone(row: dict[int, float], blocks: Blocks, zone: int) -> dict[int, float]:
    """The part of a row that lies in a zone; the whole row if no width does."""
    widths = np.array(sorted(row))
    inside = widths[blocks.zone(widths) == zone].tolist()
    return {width: row[width] for width in inside} or row


def _along(row: dict[int, float], blocks: Blocks, ask: np.ndarray) -> np.ndarray:
    widths = np.array(sorted(row))
    values = np.array([row[width] for width in widths.tolist()])
    return _interpolated(blocks.effective(widths), values[:, None], blocks.effective(ask))[:, 0]


def _interpolated(nodes: np.ndarray, values: np.ndarray, ask: np.ndarray) -> np.ndarray:
    """Linear interpolation between nodes. Nodes of one place are averaged; the lines at both ends are extended.

    Args:
        nodes: (n,) places, ascending.
        values: (n, m) ms at the nodes.
        ask: (k,) places.

    Returns:
        (k, m) ms at these places.
    """
    places, inverse = np.unique(nodes, return_inverse=True)
    means = np.stack([values[inverse == place].mean(axis=0) for place in range(len(places))])
    if len(places) == 1:
        return means[0][None, :] * np.ones((len(ask), 1))
    left = np.clip(np.searchsorted(places, ask, side="right") - 1, 0, len(places) - 2)
    share = (ask - places[left]) / (places[left + 1] - places[left])
    # Below the narrowest node the line is extended, but to no less than half of that node's time.
    line = means[left] + share[:, None] * (means[left + 1] - means[left])
    return np.maximum(line, 0.5 * means[0][None, :])


def _on_line(points: dict[int, float], elements: int) -> float:
    """Time in ms by a fixed cost and a cost of each element, from least squares; neither is below zero."""
    places = np.array(sorted(points), dtype=float)
    values = np.array([points[int(place)] for place in places])
    if len(places) == 1:
        return float(values[0] * elements / places[0])
    slope, fixed = np.polyfit(places, values, 1)
    if slope < 0:
        return float(values.mean())
    if fixed < 0:
        return float(elements * (values @ places) / (places @ places))
    return float(fixed + slope * elements)
