"""The precisions by name, and what a number of so many bits can be."""

from __future__ import annotations

from edgesynth.errors import UserError

FP32 = "fp32"
PRECISIONS = (FP32, "fp16", "int8", "int7", "int6", "int5", "int4", "int3", "int2")


def bits(precision: str) -> int:
    """Bits of one value: 32, 16, 8 down to 2."""
    return int(precision.lstrip("fpint"))


def has_scale(precision: str) -> bool:
    """Whether its values are whole multiples of a scale (int8 to int2), and not floating point."""
    return precision.startswith("int")


def largest_level(precision: str) -> int:
    """Largest whole number of an integer precision: 127 for int8, 7 for int4, 1 for int2.

    The grid is symmetric, -127 to 127: TensorRT wants a zero-point of 0, and the one number more on the negative side
    (-128) would be a weight that no positive one answers. So int2 is {-1, 0, 1}, a ternary network.
    """
    return 2 ** (bits(precision) - 1) - 1


def parse_layers(text: str) -> dict[str, str]:
    """`conv1=int8,fc1=int4` to {layer: precision}.

    Raises:
        UserError: it is not a list of LAYER=PRECISION, names a layer twice or a precision that there is none of.
    """
    precisions: dict[str, str] = {}
    for part in text.split(","):
        layer, sign, precision = (word.strip() for word in part.partition("="))
        if not layer or not sign or precision not in PRECISIONS:
            raise UserError(
                f"--layer-precision has {part.strip()!r}; it must be a list such as conv1=int8,fc1=int4, "
                f"each precision one of {', '.join(PRECISIONS)}"
            )
        if layer in precisions:
            raise UserError(f"--layer-precision names {layer!r} twice; name each layer once")
        precisions[layer] = precision
    return precisions
