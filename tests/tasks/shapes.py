"""Folders of drawn shapes with their masks, as data for saliency and segmentation come."""

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


def write_camvid(root, train=8, val=3, test=3, size=(40, 28)):
    """Bright cars (8) on a road (3) below a sky (0) as SegNet lays CamVid out; the last columns are void (11)."""
    draws = np.random.default_rng(1)
    for part, count in (("train", train), ("val", val), ("test", test)):
        for folder in (part, f"{part}annot"):
            (root / folder).mkdir(parents=True, exist_ok=True)
        for place in range(count):
            image, numbers = _scene(draws, size)
            image.save(root / part / f"{place:03d}.png")
            Image.fromarray(numbers).save(root / f"{part}annot" / f"{place:03d}.png")
    return root


def write_voc(root, size=(40, 28)):
    """The same as VOC lays its data out: 11 images, masks with a palette for ten of them, 0 to 7 train, 8 and 9 val."""
    lists = root / "ImageSets" / "Segmentation"
    for folder in (lists, root / "JPEGImages", root / "SegmentationClass"):
        folder.mkdir(parents=True, exist_ok=True)
    draws = np.random.default_rng(2)
    for place in range(11):
        image, numbers = _scene(draws, size)
        image.save(root / "JPEGImages" / f"{place:03d}.jpg", quality=95)
        mask = Image.fromarray(np.select([numbers == 8, numbers == 11], [7, 255], 0).astype(np.uint8), "P")
        mask.putpalette(list(range(256)) * 3)
        if place < 10:
            mask.save(root / "SegmentationClass" / f"{place:03d}.png")
    (lists / "train.txt").write_text("".join(f"{place:03d}\n" for place in range(8)))
    (lists / "val.txt").write_text("008\n009\n")
    return root


def _scene(draws, size):
    """An image and its numbers of CamVid's classes."""
    width, height = size
    numbers = np.zeros((height, width), np.uint8)
    numbers[height // 2 :] = 3
    left, top = int(draws.integers(2, width // 2)), int(draws.integers(height // 4, height // 2))
    numbers[top : top + height // 3, left : left + width // 3] = 8
    pixels = np.zeros((height, width, 3), np.uint8)
    for number, color in ((0, (70, 110, 170)), (3, (60, 55, 60)), (8, (235, 200, 210))):
        pixels[numbers == number] = color
    pixels += draws.integers(0, 20, pixels.shape, np.uint8)
    numbers[:, -3:] = 11
    return Image.fromarray(pixels), numbers
