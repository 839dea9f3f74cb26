"""Convolutions and products of matrices of an ONNX file as layers."""

from typing import Any

from edgesynth.boards.probed import LayerShape, convolution_shape, linear_shape
from edgesynth.errors import UserError
from edgesynth.planning.cost.layers import LINEAR, Layer, product


class Sizes:
    """Sizes of the tensors of one file.

    Attributes:
        constants: tensors that do not depend on the input.
        file: its name, for messages.

    Args:
        shapes: of every tensor that has one.
        constants: see above.
        images: the batch that the shapes are for.
        file: see above.
    """

    def __init__(self, shapes: dict[str, tuple[int, ...]], constants: set[str], images: int, file: str) -> None:
        self._shapes = shapes
        self._images = images
        self.constants = constants
        self.file = file

    def shape(self, tensor: str) -> tuple[int, ...]:
        """Of a tensor, with the batch that the file has.

        Raises:
            UserError: it cannot be told.
        """
        if tensor not in self._shapes:
            raise UserError(
                f"{self.file}: the shape of {tensor} cannot be inferred; export with a fixed height and width, "
                "and simplify the file with onnxslim"
            )
        return self._shapes[tensor]

    def values(self, tensor: str) -> int:
        """Values of a constant, or those of another tensor for one image."""
        size = _product(self.shape(tensor))
        return size if tensor in self.constants else size // self._images

    def positions(self, tensor: str) -> int:
        """Height times width."""
        return _product(self.shape(tensor)[2:])


def layer_of(node: Any, moving: list[str], output: str, sizes: Sizes) -> Layer:
    """The layer of a node that multiplies and accumulates.

    Args:
        node: onnx's own.
        moving: its inputs that depend on the network's.
        output: what it writes.
        sizes: of the file's tensors.

    Raises:
        UserError: a convolution's weight is computed, or does not fit what it reads.
    """
    weight = next((tensor for tensor in node.input[1:2] if tensor in sizes.constants), None)
    if node.op_type in ("Conv", "ConvTranspose"):
        return _convolution(node, weight, moving[0], output, sizes)
    left = weight is None and node.input[0] in sizes.constants  # W @ x
    weight = node.input[0] if left else weight
    written = sizes.values(output)
    columns = max((1, *sizes.shape(output)[-1:]))  # the product of two vectors has no axes
    rows = max(written // columns, 1)
    transposed = any(entry.name == "transA" and entry.i for entry in node.attribute)
    depth = sizes.shape(node.input[0])[-2 if transposed else -1]
    return Layer(
        node.name or output,
        LINEAR,
        reads=sum(sizes.values(tensor) for tensor in moving),
        writes=written,
        macs=rows * columns * depth,
        weights=sizes.values(weight) if weight is not None else 0,
        rows=rows,
        columns=columns,
        shape=linear_shape(depth) if weight is not None and not left and len(sizes.shape(output)) == 2 else None,
    )


def _convolution(node: Any, weight: str | None, read: str, output: str, sizes: Sizes) -> Layer:
    name = node.name or output
    if weight is None:
        raise UserError(
            f"{sizes.file}: the weight of {name} is computed, not stored; TensorRT takes stored weights alone: fold "
            "constants before export"
        )
    groups = next((int(entry.i) for entry in node.attribute if entry.name == "group"), 1)
    shape, images = list(sizes.shape(weight)), sizes.shape(read)
    if len(shape) < 3 or len(shape) != len(images):
        raise UserError(
            f"{sizes.file}: {name} has a weight of {len(shape)} axes for an input of {len(images)}; a convolution "
            "takes as many, 3 or more: the file is damaged: export it again"
        )
    transposed = node.op_type == "ConvTranspose"
    if transposed:
        # (inputs, outputs of one group, *window); each input position meets the window once.
        shape[:2] = [shape[1] * groups, shape[0] // groups]
    if images[1] != shape[1] * groups:
        raise UserError(
            f"{sizes.file}: {name} reads {images[1]} channels and has weights for {shape[1] * groups}; the file is "
            "damaged: export it again"
        )
    strided = transposed or any(
        step != 1 for entry in node.attribute if entry.name in ("strides", "dilations") for step in entry.ints
    )
    positions = sizes.positions(read if transposed else output)
    layer = product(name, shape, positions, sizes.values(read), groups, strided)
    layer.writes = sizes.values(output)
    layer.shape = None if transposed else _probed(node, shape, images, groups)
    return layer


def _probed(node: Any, weight: list[int], images: tuple[int, ...], groups: int) -> LayerShape | None:
    given = {entry.name: entry.s.decode() if entry.name == "auto_pad" else list(entry.ints) for entry in node.attribute}
    return convolution_shape(weight, images[2:], groups, given)


def _product(lengths: tuple[int, ...]) -> int:
    product = 1
    for length in lengths:
        product *= length
    return product
