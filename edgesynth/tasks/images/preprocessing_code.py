"""Preprocessing as Python code: the steps of `Task.preprocessing`, repeated with Pillow and numpy alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

STEPS = ("source", "decode", "resize", "pad", "crop", "scale", "mean", "std")
# An image file as the tasks read it; see `pixels`.
DECODE = (
    "from PIL import Image, ImageOps",
    'image = ImageOps.exif_transpose(Image.open("image.png"))',
    'if image.mode[0] in "IF":  # 16 bits, or floating point',
    "    levels = np.asarray(image, float).clip(0)",
    '    whites = (1, 255, 65535) if image.mode == "F" else (65535,)',
    "    white = next((one for one in whites if levels.max() <= one), levels.max())",
    "    image = Image.fromarray(np.rint(255 * levels / white).astype(np.uint8))",
    'image = image.convert("RGBA")',
    'image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")',
)


def preprocessing_code(steps: dict[str, Any], shape: Sequence[int]) -> list[str]:
    """Lines of Python from `image.png` to `pixels`, (1, C, H, W) float32; none if a step is not one of `STEPS`.

    Args:
        steps: `Task.preprocessing`.
        shape: (C, H, W) of one input.
    """
    channels, height, width = shape
    if channels not in (1, 3) or not {"scale", "mean", "std"} <= set(steps) <= {*STEPS}:
        return []
    # As the tasks do, gray images are resized in floating point, color ones in 8 bits.
    lines = (
        [*DECODE]
        if "decode" in steps
        else ["from PIL import Image", f'image = Image.open("image.png").convert("{"L" if channels == 1 else "RGB"}")']
    )
    lines += _sized(steps, channels, height, width)
    return [
        *lines,
        f"pixels = np.asarray(image, np.float32).reshape({height}, {width}, {channels})",
        f"pixels = (pixels * {steps['scale']!r} - np.array({steps['mean']})) / np.array({steps['std']})",
        "pixels = pixels.astype(np.float32).transpose(2, 0, 1)[None]",
    ]


def _sized(steps: dict[str, Any], channels: int, height: int, width: int) -> list[str]:
    """Lines that bring `image` to the size of the input."""
    resize = steps.get("resize", {})
    if "shorter_side" in resize:
        return _centered(resize["shorter_side"], height, width)
    if "longer_side" in resize:
        return _letterboxed(resize["longer_side"], steps["pad"]["value"], height, width)
    if resize:
        depth = '.convert("F")' if channels == 1 else ""
        return [f"image = image{depth}.resize(({width}, {height}), Image.BILINEAR)"]
    if "crop" in steps:
        return [
            f"left, top = (image.size[0] - {width}) // 2, (image.size[1] - {height}) // 2",
            f"image = image.crop((left, top, left + {width}, top + {height}))",
        ]
    return []


def _centered(shorter_side: int, height: int, width: int) -> list[str]:
    """Lines that scale the center alone, as training does: scaled as a whole, a sliver may fit into no memory."""
    return [
        "w, h = image.size",
        f"wide, high = (max({shorter_side}, round({shorter_side} / min(w, h) * side)) for side in (w, h))",
        f"left, top = (wide - {width}) // 2, (high - {height}) // 2  # of the center, once all is scaled",
        f"center = (left * w / wide, top * h / high, (left + {width}) * w / wide, (top + {height}) * h / high)",
        f"image = image.resize(({width}, {height}), Image.BILINEAR, box=center)",
    ]


def _letterboxed(longer_side: int, value: int, height: int, width: int) -> list[str]:
    """Lines that fit the whole image in and pad it."""
    gray = ", ".join([str(value)] * 3)
    return [
        f"scale = {longer_side} / max(image.size)",
        "inner = image.resize([max(1, round(scale * side)) for side in image.size], Image.BILINEAR)",
        f"image = Image.new('RGB', ({width}, {height}), ({gray}))",
        f"left, top = ({width} - inner.size[0]) // 2, ({height} - inner.size[1]) // 2",
        "image.paste(inner, (left, top))",
    ]
