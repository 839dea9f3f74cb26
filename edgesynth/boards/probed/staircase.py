"""Time by width: kernels work in tiles, so a layer gets no faster until a whole tile of channels is gone."""

from typing import Any, Dict, Iterable, List, NamedTuple, Optional

from edgesynth.boards.probed.shape import LayerShape


class Step(NamedTuple):
    """One measured width.

    Attributes:
        width: output channels.
        ms: median time of the layer, without what a call costs beside it.
        spread_ms: how far this median lay from itself over the windows of its measurement.
    """

    width: int
    ms: float
    spread_ms: float


class Staircase:
    """The measured widths of one shape.

    Attributes:
        shape: of the layer.
        steps: narrowest first.
    """

    def __init__(self, shape: LayerShape, steps: Iterable[Step] = ()) -> None:
        self.shape = shape
        self.steps: List[Step] = sorted(steps)

    def add(self, step: Step) -> None:
        """Add a width, or replace it if it exists."""
        self.steps = sorted([old for old in self.steps if old.width != step.width] + [step])

    def has(self, width: int) -> bool:
        """Whether a width was measured."""
        return any(step.width == width for step in self.steps)

    def ms(self, width: int) -> Optional[float]:
        """Time at a width, between two measured ones on the line between them; None outside of what was measured."""
        below = [step for step in self.steps if step.width <= width]
        above = [step for step in self.steps if step.width >= width]
        if not below or not above:
            return None
        return between(width, below[-1].width, below[-1].ms, above[0].width, above[0].ms)

    def right_edges(self) -> List[int]:
        """Measured widths worth landing on, narrowest first.

        From the widest on, each is the widest that is faster than the one before it by more than their spread: a
        narrower layer than an edge, down to the next, saves nothing. Where time falls with every channel, all are.
        """
        edges = self.steps[-1:]
        for step in reversed(self.steps):
            if edges[-1].ms - step.ms > edges[-1].spread_ms + step.spread_ms:
                edges.append(step)
        return [step.width for step in reversed(edges)]

    def to_json(self) -> Dict[str, Any]:
        """As plain values."""
        return {"shape": self.shape.to_json(), "steps": [dict(step._asdict()) for step in self.steps]}


def between(place: int, left: int, at_left: float, right: int, at_right: float) -> float:
    """Value at a place on the line between two others; `left` and `right` may be the same."""
    return at_left if right == left else at_left + (at_right - at_left) * (place - left) / float(right - left)
