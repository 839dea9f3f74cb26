"""Which widths a grid measures: a few in each direction, and for each kind of layer a dense row in each direction.

Engines compute channels in blocks, and are slower at widths that fill no block. The size of the blocks is not known
here; the widths are chosen so that it can be learned from the times. Time between whole blocks is close to a plane, so
these widths are far apart. Parts of the first block and odd widths are measured too, and the dense row shows each step.
"""

from typing import Dict, Iterable, List, Tuple

from edgesynth.benchmark.probe.grid.parts import FixedWidths
from edgesynth.benchmark.probe.model_layers import ModelLayer
from edgesynth.boards.probed import LayerShape
from edgesynth.boards.probed.grid import Place, place_of
from edgesynth.boards.probed.shape import DEPTHWISE

BLOCK = 16  # the first of the wide widths; no known engine has larger blocks on a CPU
_WIDE = 64  # above it, fewer small widths are measured
DENSE = tuple(range(BLOCK + 1, 35)) + (40, 44, 47, 48, 49)


def even_widths(most: int) -> List[int]:
    """Widths that fill blocks or quarters of the first one, and the widest; narrowest first."""
    widths = {4, 8, most} if most > _WIDE else {4, 8, 12, most}
    width = BLOCK
    while width < most:
        widths.add(width)
        width *= 2
    return sorted(width for width in widths if width <= most)


def odd_widths(most: int) -> List[int]:
    """Widths that fill no block, narrowest first."""
    widths = {3, BLOCK - 1, BLOCK + 1, most - 1 - most % 2}
    return sorted(width for width in widths if 1 <= width < most and width % 2)


def places(layers: Iterable[ModelLayer], fixed: Iterable[FixedWidths]) -> List[Place]:
    """The places to measure for a network, in this order: whole blocks, the dense rows, odd widths.

    Args:
        layers: of the network; of layers of one shape, the widest counts.
        fixed: for each layer, which of its widths no removal changes.
    """
    widest: Dict[LayerShape, Tuple[int, int]] = {}
    free: Dict[LayerShape, Tuple[bool, bool]] = {}
    for layer, ends in zip(layers, fixed):
        shape, inputs, outputs = place_of(layer.shape, layer.width)
        most = widest.get(shape, (0, 0))
        widest[shape] = (max(inputs, most[0]), max(outputs, most[1]))
        was = free.get(shape, (False, False))
        free[shape] = (was[0] or not ends.inputs, was[1] or not ends.outputs)
    blocks: List[Place] = []
    odd: List[Place] = []
    for shape, (inputs, outputs) in widest.items():
        free_inputs = free[shape][0] and shape.op != DEPTHWISE
        columns, rows = _split(inputs, free_inputs, shape.groups), _split(outputs, free[shape][1], shape.groups)
        blocks += [Place(shape, read, written) for read in columns[0] for written in rows[0]]
        odd += [
            Place(shape, read, written)
            for read in columns[0] + columns[1]
            for written in rows[0] + rows[1]
            if read in columns[1] or written in rows[1]
        ]
    dense = list(_dense(widest, free))
    return list(dict.fromkeys(blocks + dense + odd))


def kind_of(shape: LayerShape) -> Tuple[str, bool, bool]:
    """What layers of the same blocks have in common: op, whether grouped, whether the window is one place."""
    return shape.op, shape.groups > 1, all(length == 1 for length in shape.window)


def _split(most: int, is_free: bool, groups: int) -> Tuple[List[int], List[int]]:
    """Widths that fill blocks, and those that do not."""
    if not is_free:
        return [most], []
    if groups > 1:
        return [groups * width for width in even_widths(most // groups)], []
    return even_widths(most), odd_widths(most)


def _dense(widest: Dict[LayerShape, Tuple[int, int]], free: Dict[LayerShape, Tuple[bool, bool]]) -> Iterable[Place]:
    """Rows of neighboring widths, one for each kind and direction.

    Each is of the shape that shows most steps; of several such shapes, of the one with the fewest positions.
    """
    for kind in {kind_of(shape): None for shape in widest if shape.groups == 1}:
        shapes = [shape for shape in widest if shape.groups == 1 and kind_of(shape) == kind]
        for axis in (0, 1):
            able = [shape for shape in shapes if free[shape][axis] and (axis or shape.op != DEPTHWISE)]
            if not able:
                continue
            best = max(able, key=lambda shape: (min(widest[shape][axis], DENSE[-1]), -_positions(shape)))
            most, other = widest[best][axis], widest[best][1 - axis]
            # The other direction at a whole block, so that it adds no steps of its own.
            still = max(width for width in even_widths(other) if width <= 2 * BLOCK) if free[best][1 - axis] else other
            if best.op == DEPTHWISE:
                still = 1
            for width in DENSE:
                if width <= most:
                    yield Place(best, still, width) if axis else Place(best, width, still)


def _positions(shape: LayerShape) -> int:
    positions = 1
    for length in shape.size + shape.window:
        positions *= length
    return positions
