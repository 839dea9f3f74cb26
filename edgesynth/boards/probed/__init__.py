"""What `edgesynth probe` measured: the time of a layer by its width, and the widths worth landing on."""

from edgesynth.boards.probed.shape import LayerShape, convolution_shape, linear_shape
from edgesynth.boards.probed.staircase import Staircase, Step
from edgesynth.boards.probed.table import ProbeTable, read_table

__all__ = [
    "LayerShape",
    "ProbeTable",
    "Staircase",
    "Step",
    "convolution_shape",
    "linear_shape",
    "read_table",
]
