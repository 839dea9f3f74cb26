"""The shape of a layer without its width: a measured time holds for layers of the same shape."""

from typing import Any, Dict, NamedTuple, Optional, Sequence, Tuple

CONV, DEPTHWISE, LINEAR = "conv", "depthwise", "linear"
OPS = (CONV, DEPTHWISE, LINEAR)


class LayerShape(NamedTuple):
    """The shape of a layer without its width, the number of output channels.

    Attributes:
        op: one of `OPS`; a depthwise convolution has as many inputs and groups as its width.
        inputs: channels that one group reads; 1 if depthwise.
        groups: of a convolution; 1 if depthwise.
        size: (H, W) of its input, as many as the window has; () of a linear layer.
        window: (kH, kW).
        strides: as many.
        dilations: as many.
        pads: as ONNX orders them: all beginnings, then all ends.
    """

    op: str
    inputs: int
    groups: int = 1
    size: Tuple[int, ...] = ()
    window: Tuple[int, ...] = ()
    strides: Tuple[int, ...] = ()
    dilations: Tuple[int, ...] = ()
    pads: Tuple[int, ...] = ()

    def __str__(self) -> str:
        """In words, e.g. "conv 3x3 of 64 channels at 24x24, stride 2"."""
        if self.op == LINEAR:
            return "linear of {} features".format(self.inputs)
        words = "{} {}".format(self.op, _by(self.window))
        if self.op == CONV:
            words += " of {} channels".format(self.inputs * self.groups)
        words += " at {}".format(_by(self.size))
        if set(self.strides) != {1}:
            words += ", stride {}".format(self.strides[0] if len(set(self.strides)) == 1 else _by(self.strides))
        if set(self.dilations) != {1}:
            words += ", dilation {}".format(_by(self.dilations))
        return words + (", {} groups".format(self.groups) if self.groups > 1 else "")

    @property
    def family(self) -> "LayerShape":
        """The shape without its input channels."""
        return self._replace(inputs=0)

    def to_json(self) -> Dict[str, Any]:
        """As plain values."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in self._asdict().items()}

    @classmethod
    def from_json(cls, plain: Any) -> "LayerShape":
        """From what `to_json` gave.

        Raises:
            ValueError: it is no such thing.
        """
        if not isinstance(plain, dict) or set(plain) != set(cls._fields):
            raise ValueError("a shape has the fields {}".format(", ".join(cls._fields)))
        sizes = {name: tuple(plain[name]) for name in ("size", "window", "strides", "dilations", "pads")}
        shape = cls(plain["op"], plain["inputs"], plain["groups"], **sizes)
        rank = 0 if shape.op == LINEAR else len(shape.window)
        lengths = [len(shape.size), len(shape.window), len(shape.strides), len(shape.dilations), len(shape.pads)]
        counts = (shape.inputs, shape.groups) + shape.size + shape.window + shape.strides + shape.dilations
        whole = all(isinstance(number, int) and number >= 1 for number in counts)
        if shape.op not in OPS or not whole or lengths != [rank, rank, rank, rank, 2 * rank]:
            raise ValueError("{} is no shape of a layer".format(plain))
        return shape


def convolution_shape(
    weight: Sequence[int], size: Sequence[int], groups: int = 1, attributes: Optional[Dict[str, Any]] = None
) -> Optional[LayerShape]:
    """Shape of an ONNX convolution.

    Args:
        weight: (outputs, inputs of one group, *window).
        size: of its input without batch and channels.
        groups: of the convolution.
        attributes: `strides`, `dilations` and `pads` as the node has them, and `auto_pad`.

    Returns:
        None where the padding is left to the runtime.
    """
    given = attributes or {}
    if given.get("auto_pad", "NOTSET") not in ("", "NOTSET"):
        return None
    rank = len(weight) - 2
    depthwise = groups > 1 and weight[1] == 1 and weight[0] == groups
    return LayerShape(
        DEPTHWISE if depthwise else CONV,
        int(weight[1]),
        1 if depthwise else groups,
        tuple(size),
        tuple(weight[2:]),
        tuple(given.get("strides") or [1] * rank),
        tuple(given.get("dilations") or [1] * rank),
        tuple(given.get("pads") or [0] * (2 * rank)),
    )


def linear_shape(inputs: int) -> LayerShape:
    """Shape of a linear layer of one row for each image."""
    return LayerShape(LINEAR, inputs)


def _by(lengths: Sequence[int]) -> str:
    return "x".join(map(str, lengths))
