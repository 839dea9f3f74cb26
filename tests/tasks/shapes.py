"""A folder of drawn shapes with their masks, as saliency data come."""

import numpy as np
from PIL import Image, ImageDraw


def write_shapes(root, count=10, size=(40, 28), images="images", masks="masks"):
    """Bright shapes on a dark, noisy ground; images as JPEG, masks as PNG of 0 and 255."""
    for folder in (images, masks):
        (root / folder).mkdir(parents=True, exist_ok=True)
    draws = np.random.default_rng(0)
    for place in range(count):
        image = Image.fromarray(draws.integers(0, 90, (size[1], size[0], 3), np.uint8))
        mask = Image.new("L", size, 0)
        left, top = int(draws.integers(2, size[0] // 2)), int(draws.integers(2, size[1] // 2))
        box = (left, top, left + size[0] // 3, top + size[1] // 3)
        kind = "ellipse" if place % 2 else "rectangle"
        getattr(ImageDraw.Draw(image), kind)(box, fill=(230, int(draws.integers(120, 255)), 200))
        getattr(ImageDraw.Draw(mask), kind)(box, fill=255)
        image.save(root / images / f"{place:03d}.jpg", quality=95)
        mask.save(root / masks / f"{place:03d}.png")
    return root
