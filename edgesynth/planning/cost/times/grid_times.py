"""Times from a grid that `edgesynth probe --grid` measured: between its places by the blocks that it shows."""

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
        """See `LatencyTimes.times_ms`; nothing is said of a layer wider than the widest that was measured."""
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

        On the line through what was measured of these operators, if need be behind others than here; what was never
        measured is taken to cost what the dearest of the known operators costs for each element.
        """
        own = beside.op.split(AFTER)[0]
        others = (points for op, points in self.grid.beside.items() if op.split(AFTER)[0] == own)
        points = self.grid.beside.get(beside.op) or next(others, None)
        if points:
            return _on_line(points, beside.elements)
        known = [ms / elements for points in self.grid.beside.values() for elements, ms in points.items()]
        return max(known, default=0.0) * beside.elements

    def blocks(self, layer: LayerShape) -> tuple[Blocks, Blocks]:
        """In which blocks inputs and outputs of such a layer are computed, as the grid shows."""
        return self._blocks(any_inputs(layer))

    def _blocks(self, shape: LayerShape) -> tuple[Blocks, Blocks]:
        return self._learned.get(_kind(shape), (Blocks(), Blocks()))

    @cached_property
    def _learned(self) -> dict[tuple[str, bool, bool], tuple[Blocks, Blocks]]:
        """From the longest row of neighboring widths of each kind of layer."""
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
    """What layers have in common that are computed in the same blocks."""
    return shape.op, shape.groups > 1, all(length == 1 for length in shape.window)


def _rows(points: Points, axis: int) -> dict[int, dict[int, float]]:
    """Times along an axis, for each width in the other direction."""
    rows: dict[int, dict[int, float]] = {}
    for place, ms in points.items():
        rows.setdefault(place[1 - axis], {})[place[axis]] = ms
    return rows


def _neighbors(row: dict[int, float]) -> int:
    return sum(width + 1 in row for width in row)


def _between(
    points: Points, of_inputs: Blocks, of_outputs: Blocks, rows: np.ndarray, columns: np.ndarray
) -> np.ndarray:
    """Times between measured places: in each pair of zones along the outputs, then along the inputs."""
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
    """Columns by the rows that speak of them: those measured on both sides, or the longest where none is.

    Rows differ in length: of a dense row across, each has one place alone, and networks differ in their classes.
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
    """Those of a row's widths that lie in a zone; all, if none does."""
    widths = np.array(sorted(row))
    inside = widths[blocks.zone(widths) == zone].tolist()
    return {width: row[width] for width in inside} or row


def _along(row: dict[int, float], blocks: Blocks, ask: np.ndarray) -> np.ndarray:
    widths = np.array(sorted(row))
    values = np.array([row[width] for width in widths.tolist()])
    return _interpolated(blocks.effective(widths), values[:, None], blocks.effective(ask))[:, 0]


def _interpolated(nodes: np.ndarray, values: np.ndarray, ask: np.ndarray) -> np.ndarray:
    """On the lines between nodes, those of one place averaged; beyond the ends in proportion to the last one.

    Args:
        nodes: (n,), ascending.
        values: (n, m).
        ask: (k,).

    Returns:
        (k, m).
    """
    places, inverse = np.unique(nodes, return_inverse=True)
    means = np.stack([values[inverse == place].mean(axis=0) for place in range(len(places))])
    if len(places) == 1:
        return means[0][None, :] * np.ones((len(ask), 1))
    left = np.clip(np.searchsorted(places, ask, side="right") - 1, 0, len(places) - 2)
    share = (ask - places[left]) / (places[left + 1] - places[left])
    # Beyond the narrowest the line goes on; a time below that of half of it is a guess too far.
    line = means[left] + share[:, None] * (means[left + 1] - means[left])
    return np.maximum(line, 0.5 * means[0][None, :])


def _on_line(points: dict[int, float], elements: int) -> float:
    """Fixed cost and cost of an element, by least squares; neither below zero."""
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
