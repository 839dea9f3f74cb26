"""PASCAL VOC: an XML file for each image, and lists of images for each split.

DIR/JPEGImages/NAME.jpg  DIR/Annotations/NAME.xml  DIR/ImageSets/Main/{train,val,test}.txt

DIR may be the folder above too, be it VOCdevkit or the one that `torchvision.datasets.VOCDetection(root)` was given.
Pixels are counted from 1, and a box includes its last one. Boxes marked as difficult count like any other.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

from edgesynth.errors import UserError
from edgesynth.tasks.datasets.name_lists import listed_classes
from edgesynth.tasks.datasets.pairs import by_stem
from edgesynth.tasks.datasets.voc_year import IMAGES, year_of
from edgesynth.tasks.detection.annotations.listing import Annotated, Box, Listing
from edgesynth.tasks.detection.annotations.voc_lists import listed_parts

LAYOUT = "DIR/JPEGImages/NAME.jpg with DIR/Annotations/NAME.xml, and lists in DIR/ImageSets/Main if it is split"


def read_voc(root: Path) -> Listing:
    """List a data set in PASCAL VOC's layout.

    Raises:
        UserError: it is of another layout or holds several years, a list of images or classes is not sound, or an image
            is in two lists.
    """
    root = year_of(root, LAYOUT)
    images, annotations = root / IMAGES, root / "Annotations"
    if not annotations.is_dir():
        raise UserError(f"{root} has {IMAGES} and no Annotations beside it; give {LAYOUT}")
    files, repeated = by_stem(images.iterdir())
    notes = {path.stem: path for path in sorted(annotations.iterdir()) if path.suffix.lower() == ".xml"}
    listing = Listing(classes=listed_classes(root))
    for line in repeated:
        listing.skip("second file of a name", line)
    for part, names in listed_parts(root, notes).items():
        listing.parts[part] = []
        for name in names:
            path = notes.get(name, annotations / f"{name}.xml")
            try:
                listing.parts[part].append(_annotated(files, path, listing))
            except _OddError as error:
                listing.skip(error.wrong, str(error))
    return listing


class _OddError(Exception):
    """A file that cannot be used: what is wrong, and a line that names it."""

    def __init__(self, wrong: str, line: str) -> None:
        super().__init__(line)
        self.wrong = wrong


def _annotated(files: dict[str, Path], path: Path, listing: Listing) -> Annotated:
    if path.stem not in files:
        raise _OddError("annotation without an image", f"{path.stem} has no image")
    try:
        document = ET.parse(path).getroot()
    except FileNotFoundError:
        raise _OddError("image without an annotation", f"{path.stem} has no annotation") from None
    except (ET.ParseError, OSError, ValueError) as error:
        line = f"{path.name} is no XML that can be read ({error})"
        raise _OddError("annotation cannot be read", line) from None
    boxes = []
    for number, node in enumerate(document.iter("object"), 1):
        name = (node.findtext("name") or "").strip()
        try:
            left, top, right, bottom = (
                float(node.findtext(f"bndbox/{side}") or "") for side in ("xmin", "ymin", "xmax", "ymax")
            )
        except ValueError:
            listing.drop("box that is not four numbers", f"{path.name} object {number} has no box of four numbers")
            continue
        if not name:
            listing.drop("box without a class", f"{path.name} object {number} has no name")
            continue
        # One pixel from 5 to 5 would be a box, and is more often a slip: it stays without area.
        boxes.append(Box(name, left - (right > left), top - (bottom > top), right, bottom))
    width, height = (document.findtext(f"size/{side}") or "0" for side in ("width", "height"))
    sized = width.isdigit() and height.isdigit() and int(width) > 0 and int(height) > 0
    return Annotated(files[path.stem], tuple(boxes), (int(width), int(height)) if sized else None)
