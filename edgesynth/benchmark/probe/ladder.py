"""Which widths are measured, and in which order: coarse ones of all layers first, then finer ones."""

from typing import Dict, Iterable, List, NamedTuple, Set, Tuple

from edgesynth.benchmark.probe.model_layers import ModelLayer
from edgesynth.boards.probed import LayerShape
from edgesynth.boards.probed.shape import CONV, LINEAR


class Rung(NamedTuple):
    """Widths of one shape that are measured together."""

    shape: LayerShape
    widths: Tuple[int, ...]


def levels(most: int, finest: int) -> List[List[int]]:
    """1 and the most, then the middle of every gap, and so on until no gap is above the finest.

    Args:
        most: the largest.
        finest: gap that is small enough, at least 1.

    Returns:
        New numbers of each level, the largest first.
    """
    widths = [sorted({1, most}, reverse=True)]
    gaps = [(1, most)]
    while gaps:
        gaps = [gap for gap in gaps if gap[1] - gap[0] > finest]
        middles = [(low, (low + high) // 2, high) for low, high in gaps]
        if middles:
            widths.append(sorted((middle for _, middle, _ in middles), reverse=True))
        gaps = [gap for low, middle, high in middles for gap in ((low, middle), (middle, high))]
    return widths


def rungs(layers: Iterable[ModelLayer], finest: int, input_widths: int) -> List[Rung]:
    """What is measured of a model, in this order.

    Args:
        layers: of the model; of one shape, the widest counts.
        finest: gap between widths that is small enough; of a grouped convolution, in each group.
        input_widths: how many widths of the input each layer is measured at, its own first; 1 is its own alone. A
            depthwise convolution has one width; what reads no more than the finest gap, the image, is left as it is.
    """
    wanted: Dict[LayerShape, Tuple[int, int]] = {}  # of each shape, how wide at most and from which level on
    for layer in layers:
        for inputs, level in _inputs(layer.shape, finest, input_widths):
            shape = layer.shape._replace(inputs=inputs)
            most, first = wanted.get(shape, (0, level))
            wanted[shape] = (max(layer.width, most), min(level, first))
    numbered: List[Tuple[int, Rung]] = []
    for shape, (most, first) in wanted.items():
        for level, widths in enumerate(levels(most // shape.groups, finest)):
            numbered.append((first + level, Rung(shape, tuple(width * shape.groups for width in widths))))
    return [rung for _, rung in sorted(numbered, key=lambda pair: pair[0])]


def missing(rung: Rung, measured: Set[Tuple[LayerShape, int]]) -> Rung:
    """The rung without the widths that were measured before."""
    return rung._replace(widths=tuple(width for width in rung.widths if (rung.shape, width) not in measured))


def _inputs(shape: LayerShape, finest: int, input_widths: int) -> List[Tuple[int, int]]:
    """Input channels that a layer is measured at, with the level that each belongs to."""
    varies = shape.op == LINEAR or (shape.op == CONV and shape.groups == 1)
    if input_widths == 1 or not varies or shape.inputs <= finest:
        return [(shape.inputs, 0)]
    sizes = [(size, level) for level, ones in enumerate(levels(shape.inputs, finest)) for size in ones]
    return sizes[:input_widths]
