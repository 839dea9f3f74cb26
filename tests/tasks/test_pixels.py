"""Images as they come: whatever a file holds, the network and the recorded preprocessing see the same pixels."""

import contextlib
import io

import numpy as np
import pytest
import torch
from PIL import Image

from edgesynth.export.snippets import DECODE
from edgesynth.tasks.pixels import UnreadableError, centred, colour, open_image, rgb, size_of


def picture():
    """24x16, dark left and bright right, of few colours, so that a palette holds it whole."""
    pixels = np.zeros((16, 24, 3), np.uint8)
    pixels[:, 12:] = (200, 120, 40)
    pixels[:8, :12] = (20, 60, 90)
    return Image.fromarray(pixels)


def grey_16_bit(path):
    levels = np.asarray(picture().convert("L"), np.uint16) * 257
    Image.fromarray(levels).save(path)


def rotated(path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees to the right
    picture().transpose(Image.Transpose.ROTATE_90).save(path, exif=exif)


def half_transparent(path):
    image = picture().convert("RGBA")
    image.putalpha(Image.fromarray(np.repeat(np.array([[255, 0]], np.uint8), 12, axis=1).repeat(16, axis=0)))
    image.save(path)


def see_through_palette(path):
    image = picture().quantize(4)
    image.save(path, transparency=image.getpixel((23, 0)))


FILES = {
    "grey": ("png", lambda path: picture().convert("L").save(path)),
    "black and white": ("png", lambda path: picture().convert("1").save(path)),
    "palette": ("png", lambda path: picture().quantize(4).save(path)),
    "cmyk": ("tif", lambda path: picture().convert("CMYK").save(path)),
    "16 bits": ("png", grey_16_bit),
    "rotated": ("png", rotated),
    "transparent": ("png", half_transparent),
    "transparent palette": ("png", see_through_palette),
    "grey and alpha": ("png", lambda path: picture().convert("LA").save(path)),
}


def expected(kind):
    if kind in ("grey", "16 bits", "grey and alpha"):
        return np.asarray(picture().convert("L").convert("RGB"))
    if kind == "black and white":
        return np.asarray(picture().convert("1").convert("RGB"))
    pixels = np.array(picture())
    if kind.startswith("transparent"):
        pixels[:, 12:] = 255
    return pixels


@pytest.mark.parametrize("kind", FILES)
def test_every_kind_of_file_becomes_the_same_rgb_in_training_and_by_the_lines_of_a_bundle(kind, tmp_path, monkeypatch):
    suffix, write = FILES[kind]
    write(tmp_path / f"a.{suffix}")
    found = np.asarray(rgb(tmp_path / f"a.{suffix}"))
    assert np.array_equal(found, expected(kind))
    (tmp_path / "image.png").write_bytes((tmp_path / f"a.{suffix}").read_bytes())
    monkeypatch.chdir(tmp_path)
    scope = {"np": np}
    exec("\n".join(DECODE), scope)
    assert np.array_equal(np.asarray(scope["image"]), found)


def test_the_size_of_a_turned_image_is_that_of_the_upright_one(tmp_path):
    rotated(tmp_path / "a.png")
    assert Image.open(tmp_path / "a.png").size == (16, 24)
    assert size_of(tmp_path / "a.png") == open_image(tmp_path / "a.png").size == (24, 16)


def test_a_file_of_16_bits_that_uses_8_keeps_its_levels(tmp_path):
    Image.fromarray(np.full((4, 4), 200, np.uint16)).save(tmp_path / "a.png")
    assert np.asarray(rgb(tmp_path / "a.png")).max() == 200


def test_one_pixel_and_48_million_are_brought_to_size(tmp_path):
    Image.new("RGB", (1, 1), (7, 8, 9)).save(tmp_path / "one.png")
    Image.new("RGB", (8000, 6000), (7, 8, 9)).save(tmp_path / "many.png")
    for name in ("one", "many"):
        for read in (centred, colour):
            pixels = read(str(tmp_path / f"{name}.png"), 16)
            assert torch.equal(pixels, torch.tensor([7, 8, 9], dtype=torch.uint8)[:, None, None].expand(3, 16, 16))


@pytest.mark.parametrize("suffix", ["jpg", "png", "bmp", "tif", "webp"])
def test_a_file_that_is_cut_short_anywhere_is_unreadable_or_whole(tmp_path, suffix):
    stream = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    Image.fromarray(noise).save(stream, {"jpg": "JPEG", "tif": "TIFF"}.get(suffix, suffix.upper()))
    content = stream.getvalue()
    file = tmp_path / f"a.{suffix}"
    refused = 0
    for share in (0.0, 0.1, 0.4, 0.7, 0.9):
        file.write_bytes(content[: int(share * len(content))])
        with contextlib.suppress(UnreadableError):
            rgb(file)
            continue
        refused += 1
    assert refused == 5
