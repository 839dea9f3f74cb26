"""Survey of one image file: whether it can be read, and what is unusual about it."""

from __future__ import annotations

from pathlib import Path

from edgesynth.tasks.images.pixels import rgb

LARGE = 20_000_000  # pixels: of a photograph that takes longer to read than to learn from
MODES = {
    "1": "black and white",
    "L": "gray",
    "LA": "gray",
    "P": "palette",
    "PA": "palette",
    "CMYK": "CMYK",
    "I": "16 bits",
    "F": "floating point",
}


def look(file: Path) -> list[str]:
    """What an image file is besides 8-bit RGB, upright, opaque and of a usual size; all of it is converted.

    Raises:
        UnreadableError: it cannot be read.
    """
    from PIL import Image

    rgb(file)
    with Image.open(file) as image:
        kinds = [MODES[key] for key in (image.mode, image.mode[0]) if key in MODES][:1]
        if image.has_transparency_data:
            kinds.append("transparent")
        if image.getexif().get(0x0112, 1) != 1:
            kinds.append("turned by EXIF")
        if min(image.size) == 1:
            kinds.append("a side of 1 pixel")
        if image.size[0] * image.size[1] > LARGE:
            kinds.append(f"above {LARGE // 1_000_000} megapixels")
    return kinds
