"""Images as they come: whatever a file holds, the network and the recorded preprocessing see the same pixels."""

import contextlib
import io

import numpy as np
import pytest
import torch
from PIL import Image

from edgesynth.tasks.images.pixels import UnreadableError, binary, centered, color, open_image, rgb, size_of
from edgesynth.tasks.images.preprocessing_code import DECODE


def picture():
    """24x16, dark left and bright right, of few colors, so that a palette holds it whole."""
    pixels = np.zeros((16, 24, 3), np.uint8)
    pixels[:, 12:] = (200, 120, 40)
    pixels[:8, :12] = (20, 60, 90)
    return Image.fromarray(pixels)


def gray_16_bit(path):
    levels = np.asarray(picture().convert("L"), np.uint16) * 257
    Image.fromarray(levels).save(path)


def floating_point(path):
    Image.fromarray(np.asarray(picture().convert("L"), np.float32) / 255).save(path)


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
    "gray": ("png", lambda path: picture().convert("L").save(path)),
    "black and white": ("png", lambda path: picture().convert("1").save(path)),
    "palette": ("png", lambda path: picture().quantize(4).save(path)),
    "cmyk": ("tif", lambda path: picture().convert("CMYK").save(path)),
    "16 bits": ("png", gray_16_bit),
    "16 bits that Pillow calls 32": ("pgm", gray_16_bit),
    "floating point": ("tif", floating_point),
    "floating point to 255": ("tif", lambda path: picture().convert("F").save(path)),
    "rotated": ("png", rotated),
    "transparent": ("png", half_transparent),
    "transparent palette": ("png", see_through_palette),
    "gray and alpha": ("png", lambda path: picture().convert("LA").save(path)),
}


def expected(kind):
    if kind.startswith(("gray", "16 bits", "floating point")):
        return np.asarray(picture().convert("L").convert("RGB"))
    if kind == "black and white":
        return np.asarray(picture().convert("1").convert("RGB"))
    pixels = np.array(picture())
    if kind.startswith("transparent"):
        pixels[:, 12:] = 255
    return pixels


def by_the_lines_of_a_bundle(path):
    """Pixels of a file in the working directory."""
    path.with_name("image.png").write_bytes(path.read_bytes())
    scope = {"np": np}
    exec("\n".join(DECODE), scope)
    return np.asarray(scope["image"])


@pytest.mark.parametrize("kind", FILES)
def test_every_kind_of_file_becomes_the_same_rgb_in_training_and_by_the_lines_of_a_bundle(kind, tmp_path, monkeypatch):
    suffix, write = FILES[kind]
    write(tmp_path / f"a.{suffix}")
    found = np.asarray(rgb(tmp_path / f"a.{suffix}"))
    assert np.array_equal(found, expected(kind))
    monkeypatch.chdir(tmp_path)
    assert np.array_equal(by_the_lines_of_a_bundle(tmp_path / f"a.{suffix}"), found)


def test_the_size_of_a_turned_image_is_that_of_the_upright_one(tmp_path):
    rotated(tmp_path / "a.png")
    assert Image.open(tmp_path / "a.png").size == (16, 24)
    assert size_of(tmp_path / "a.png") == open_image(tmp_path / "a.png").size == (24, 16)


@pytest.mark.parametrize(
    ("levels", "suffix", "becomes"),
    [
        (np.array([[0, 100, 200]], np.uint16), "png", [0, 0, 1]),
        (np.array([[0, 100, 300]], np.uint16), "png", [0, 0, 1]),
        (np.array([[0, 200, 25700]], np.uint16), "pgm", [0, 1, 100]),
        (np.array([[0, 25700, 6553500]], np.int32), "tif", [0, 1, 255]),
        (np.array([[-1, 0.2, 0.4]], np.float32), "tif", [0, 51, 102]),
        (np.array([[0, 1, 1.5]], np.float32), "tif", [0, 1, 2]),
        (np.array([[0, 200, 300]], np.float32), "tif", [0, 1, 1]),
    ],
)
def test_white_is_what_a_file_s_depth_says_and_not_its_brightest_level(levels, suffix, becomes, tmp_path, monkeypatch):
    file = tmp_path / f"a.{suffix}"
    Image.fromarray(levels).save(file)
    monkeypatch.chdir(tmp_path)
    for found in (np.asarray(rgb(file)), by_the_lines_of_a_bundle(file)):
        assert found[0, :, 0].tolist() == becomes


@pytest.mark.parametrize("highest", [1, 255, 65535])
def test_a_mask_of_16_bits_is_split_at_half_of_the_white_that_it_uses(highest, tmp_path):
    levels = np.repeat(np.array([[0, highest]], np.uint16), 8, axis=1).repeat(16, axis=0)
    Image.fromarray(levels).save(tmp_path / "a.png")
    assert torch.equal(binary(str(tmp_path / "a.png"), 16)[0], torch.from_numpy(levels > 0).to(torch.uint8))


def test_one_pixel_and_48_million_are_brought_to_size(tmp_path):
    Image.new("RGB", (1, 1), (7, 8, 9)).save(tmp_path / "one.png")
    Image.new("RGB", (8000, 6000), (7, 8, 9)).save(tmp_path / "many.png")
    for name in ("one", "many"):
        for read in (centered, color):
            pixels = read(str(tmp_path / f"{name}.png"), 16)
            assert torch.equal(pixels, torch.tensor([7, 8, 9], dtype=torch.uint8)[:, None, None].expand(3, 16, 16))


@pytest.mark.parametrize("shape", [(48, 64), (64, 48), (7, 90), (1, 300), (33, 33)])
@pytest.mark.parametrize("size", [16, 33])
def test_the_center_is_that_of_the_whole_image_scaled(tmp_path, shape, size):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8))
    noise.save(tmp_path / "a.png")
    width, height = (round(size * side / min(shape)) for side in noise.size)
    left, top = (width - size) // 2, (height - size) // 2
    whole = noise.resize((width, height), Image.Resampling.BILINEAR)
    expected = np.asarray(whole.crop((left, top, left + size, top + size)), np.int64)
    found = centered(str(tmp_path / "a.png"), size).permute(1, 2, 0).numpy()
    assert np.abs(found - expected).max() <= 1


def test_the_center_of_a_sliver_takes_no_whole_image_of_its_scale(tmp_path):
    """Scaled as a whole it would be 2,304,000,000 x 256 pixels, which no memory holds."""
    Image.new("L", (9_000_000, 1), 7).save(tmp_path / "a.png")
    assert torch.equal(centered(str(tmp_path / "a.png"), 256), torch.full((3, 256, 256), 7, dtype=torch.uint8))


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
