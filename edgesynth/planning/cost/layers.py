"""Layers as the cost model sees them: one kernel each, in plain numbers."""

from collections.abc import Iterable, Sequence
from typing import Any

from edgesynth.boards.probed import LayerShape
from edgesynth.errors import UserError

CONVOLUTION, WINOGRAD, POINTWISE = "convolution", "winograd", "pointwise"
DEPTHWISE, LINEAR = "depthwise", "linear"
POOLING, ELEMENTWISE, NORMALIZATION, COPY = "pooling", "elementwise", "normalization", "copy"
PRODUCTS = (CONVOLUTION, WINOGRAD, POINTWISE, DEPTHWISE, LINEAR)
KINDS = (*PRODUCTS, POOLING, ELEMENTWISE, NORMALIZATION, COPY)


class Layer:
    """What one kernel computes and moves for one image.

    Attributes:
        name: of the layer, for the table.
        kind: one of `KINDS`: a convolution of windows, of 3x3 windows at stride 1 (winograd, for the algorithm that
            makes those cheaper), of single pixels (pointwise) or of single channels (depthwise), a product of matrices
            (linear), or something that only moves values.
        rows: output positions; with `columns`, the shape of the matrix that a product of this kind fills (rows for one
            image; a linear layer has one row, or one for each token).
        columns: output channels of one group.
        groups: products of that shape.
        macs: multiply-accumulates for one image.
        weights: values that are read once for a whole batch.
        reads: activations that are read for one image, those of fused residual inputs included.
        writes: activations that are written for one image.
        shape: by which a probe's table knows it; None where it cannot be probed, or only its counts are known.
    """

    def __init__(
        self,
        name: str,
        kind: str,
        reads: int,
        writes: int,
        macs: int = 0,
        weights: int = 0,
        rows: int = 1,
        columns: int = 1,
        groups: int = 1,
        shape: LayerShape | None = None,
    ) -> None:
        if kind not in KINDS:
            raise UserError("layer {} is of kind {!r}; allowed are {}".format(name, kind, ", ".join(KINDS)))
        counts = {"reads": reads, "writes": writes, "macs": macs, "weights": weights}
        counts.update(rows=rows, columns=columns, groups=groups)
        for what, count in counts.items():
            least = 1 if what in ("rows", "columns", "groups") else 0
            if count < least or count != int(count):
                raise UserError(f"layer {name}: {what} is {count}; it must be whole and at least {least}")
        self.name = name
        self.kind = kind
        self.reads = int(reads)
        self.writes = int(writes)
        self.macs = int(macs)
        self.weights = int(weights)
        self.rows = int(rows)
        self.columns = int(columns)
        self.groups = int(groups)
        self.shape = shape

    @property
    def width(self) -> int:
        """Output channels, of all groups."""
        return self.columns * self.groups

    def to_json(self) -> dict[str, Any]:
        """All attributes as plain values."""
        return dict(vars(self), shape=self.shape.to_json() if self.shape is not None else None)


def product(
    name: str,
    weight_shape: Sequence[int],
    rows: int,
    reads: int | None = None,
    groups: int = 1,
    strided: bool = False,
) -> Layer:
    """A convolution or linear layer from the shape of its weight.

    Args:
        name: of the layer.
        weight_shape: (outputs, inputs of one group, *window); a linear layer has no window.
        rows: output positions for one image.
        reads: activations that are read for one image; None counts each of the input's channels once for each output
            position, which is exact at stride 1.
        groups: of a convolution.
        strided: whether its windows skip positions, by stride or dilation.

    Raises:
        UserError: a count is below one or not whole.
    """
    outputs, inputs, window = weight_shape[0], weight_shape[1], _size(weight_shape[2:])
    if len(weight_shape) == 2:
        kind = LINEAR
    elif groups > 1 and inputs == 1:
        kind = DEPTHWISE
    else:
        cheap = tuple(weight_shape[2:]) == (3, 3) and groups == 1 and not strided
        kind = POINTWISE if window == 1 else WINOGRAD if cheap else CONVOLUTION
    return Layer(
        name,
        kind,
        reads=inputs * groups * rows if reads is None else reads,
        writes=outputs * rows,
        macs=outputs * inputs * window * rows,
        weights=outputs * inputs * window,
        rows=rows,
        columns=max(outputs // groups, 1),
        groups=groups,
    )


def from_census(rows: Iterable[Sequence[Any]]) -> list[Layer]:
    """Layers from what a census knows, so that a genome is costed before its network exists.

    A census lists convolutions and linear layers alone and knows neither stride nor groups: pooling and what TensorRT
    does not fuse are missing, 3x3 windows are taken for stride 1, and a layer that reads one channel for depthwise
    unless it is the first, which then reads a gray image. Where a file can be had, `read_layers` sees all of that.

    Args:
        rows: for each layer its name, the shape of its weight and its multiply-accumulates for one image.

    Raises:
        UserError: multiply-accumulates that are no multiple of the weight's size.
    """
    layers: list[Layer] = []
    for name, shape, macs in rows:
        size = _size(shape)
        if len(shape) < 2 or size < 1 or macs < size or macs % size:
            raise UserError(
                f"layer {name}: {macs} multiply-accumulates and a weight of shape {tuple(shape)}; they must be a "
                "multiple of its size, as a census counts them"
            )
        depthwise = bool(layers) and len(shape) > 2 and shape[1] == 1
        layers.append(product(name, shape, macs // size, groups=shape[0] if depthwise else 1))
    return layers


def _size(shape: Sequence[int]) -> int:
    size = 1
    for length in shape:
        size *= length
    return size
