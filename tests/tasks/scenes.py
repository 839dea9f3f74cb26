"""Scenes of colored shapes with their boxes, annotated as PASCAL VOC, KITTI and COCO do."""

import json

import numpy as np
from PIL import Image, ImageDraw

COLORS = {"ball": (230, 40, 40), "crate": (40, 60, 230)}


def draw_scene(draws, size=(96, 72), count=2):
    """An image and its (name, left, top, right, bottom), which do not lie on each other."""
    image = Image.fromarray(draws.integers(0, 60, (size[1], size[0], 3), np.uint8))
    boxes = []
    for place in range(count):
        name = list(COLORS)[int(draws.integers(0, 2))]
        side = int(draws.integers(16, 28))
        left = place * size[0] // count + int(draws.integers(2, size[0] // count - side - 2))
        top = int(draws.integers(2, size[1] - side - 2))
        corners = (left, top, left + side, top + side)
        kind = "ellipse" if name == "ball" else "rectangle"
        getattr(ImageDraw.Draw(image), kind)((left, top, left + side - 1, top + side - 1), fill=COLORS[name])
        boxes.append((name, *corners))
    return image, boxes


def voc_xml(boxes, size=(96, 72)):
    """The text of an annotation; boxes as `draw_scene` gives them."""
    objects = "".join(
        f"<object><name>{name}</name><bndbox><xmin>{left + 1}</xmin><ymin>{top + 1}</ymin><xmax>{right}</xmax>"
        f"<ymax>{bottom}</ymax></bndbox></object>"
        for name, left, top, right, bottom in boxes
    )
    width, height = size
    return f"<annotation><size><width>{width}</width><height>{height}</height></size>{objects}</annotation>"


def kitti_text(boxes):
    """The text of a label file."""
    lines = [
        f"{name} 0.00 0 0.0 {left} {top} {right} {bottom} 0 0 0 0 0 0 0" for name, left, top, right, bottom in boxes
    ]
    return "\n".join([*lines, "DontCare -1 -1 -10 0 0 9 9 -1 -1 -1 -1000 -1000 -1000 -10"])


def write_voc(root, count=12, seed=0):
    for folder in ("JPEGImages", "Annotations"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    draws = np.random.default_rng(seed)
    for place in range(count):
        image, boxes = draw_scene(draws)
        image.save(root / "JPEGImages" / f"{place:03d}.jpg", quality=95)
        (root / "Annotations" / f"{place:03d}.xml").write_text(voc_xml(boxes))
    return root


def write_kitti(root, count=12, seed=0):
    for folder in ("image_2", "label_2"):
        (root / "training" / folder).mkdir(parents=True, exist_ok=True)
    draws = np.random.default_rng(seed)
    for place in range(count):
        image, boxes = draw_scene(draws)
        image.save(root / "training" / "image_2" / f"{place:03d}.png")
        (root / "training" / "label_2" / f"{place:03d}.txt").write_text(kitti_text(boxes))
    return root


def write_coco(root, count=12, seed=0):
    (root / "images").mkdir(parents=True, exist_ok=True)
    draws = np.random.default_rng(seed)
    numbers = {"ball": 3, "crate": 7}  # as in COCO, they do not run from 0
    document = {"images": [], "annotations": [], "categories": [{"id": n, "name": name} for name, n in numbers.items()]}
    for place in range(count):
        image, boxes = draw_scene(draws)
        image.save(root / "images" / f"{place:03d}.jpg", quality=95)
        document["images"].append({"id": place, "file_name": f"{place:03d}.jpg", "width": 96, "height": 72})
        for name, left, top, right, bottom in boxes:
            document["annotations"].append(
                {
                    "id": len(document["annotations"]),
                    "image_id": place,
                    "category_id": numbers[name],
                    "bbox": [left, top, right - left, bottom - top],
                    "iscrowd": 0,
                }
            )
    (root / "all.json").write_text(json.dumps(document))
    return root
