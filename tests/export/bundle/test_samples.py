"""samples.npz: small, and what is read back is what the network was given, bit for bit."""

import numpy as np
import pytest
import torch

from edgesynth.benchmark.bundle.samples import read_calibration, read_samples
from edgesynth.export.bundle import samples
from edgesynth.export.bundle.readme.snippets import READY
from edgesynth.export.bundle.samples import write_samples
from edgesynth.tasks import Split
from edgesynth.tasks.images.normalization import normalized


def scenes(count, size, seed, channels=3):
    """Pixels (N, C, S, S) uint8 that compress as photographs of skies do: gradients and a little noise."""
    generator = torch.Generator().manual_seed(seed)
    ramp = torch.linspace(0, 200, size)[:, None] + torch.linspace(0, 50, size)
    noise = torch.randint(0, 5, (count, channels, size, size), generator=generator)
    return (ramp + noise).to(torch.uint8)


def written(path, calibration, images, outputs=10):
    count = len(images)
    labels = torch.arange(count) % outputs
    expected = torch.randn(count, outputs, generator=torch.Generator().manual_seed(2))
    return write_samples(path, calibration, Split(images, labels), expected, seed=0), labels, expected


def test_images_that_were_pixels_are_kept_as_pixels_and_come_back_bit_for_bit(tmp_path):
    calibration, images = normalized(scenes(40, 64, 0)), normalized(scenes(60, 64, 1))
    facts, labels, expected = written(tmp_path / "samples.npz", calibration, images)
    assert facts == {"images": 60, "calibration": 40, "expected": 60, "pixels": True}
    found = read_samples(str(tmp_path / "samples.npz"), (3, 64, 64), "accuracy")
    assert found.images.dtype == np.float32
    assert found.images.tobytes() == images.numpy().tobytes()
    assert found.expected.tobytes() == expected.numpy().tobytes() and np.array_equal(found.labels, labels)
    assert read_calibration(str(tmp_path / "samples.npz"), (3, 64, 64)).tobytes() == calibration.numpy().tobytes()
    assert (tmp_path / "samples.npz").stat().st_size < calibration.numel() + images.numel()
    with np.load(tmp_path / "samples.npz", allow_pickle=False) as arrays:
        assert (arrays["images"].dtype, arrays["levels"].shape) == (np.uint8, (3, 256))
        brightness = normalized(torch.arange(256).to(torch.uint8)[:, None, None, None].expand(-1, 3, 1, 1))
        assert set(arrays["levels"].ravel()) <= {*brightness.numpy().ravel(), 0.0}


def test_the_readme_s_lines_make_of_pixels_what_the_network_is_given(tmp_path, monkeypatch):
    images = normalized(scenes(4, 16, 0))
    written(tmp_path / "samples.npz", images, images)
    monkeypatch.chdir(tmp_path)
    names = {}
    exec("\n".join(["import numpy as np", 'pixels = np.load("samples.npz")["images"][:1]', *READY]), names)
    assert names["pixels"].tobytes() == images[:1].numpy().tobytes()


def test_numbers_that_only_their_bits_tell_apart_stay_apart(tmp_path):
    images = torch.tensor([0.0, -0.0, 1.0, -1e-45]).repeat(2, 1, 4, 1)
    written(tmp_path / "samples.npz", images, images)
    found = read_samples(str(tmp_path / "samples.npz"), (1, 4, 4), "accuracy")
    assert found.images.tobytes() == images.numpy().tobytes()


@pytest.mark.parametrize("odd", ["the images", "one image to calibrate on"])
def test_images_of_more_levels_are_kept_as_numbers(odd, tmp_path):
    calibration, images = normalized(scenes(8, 32, 0)), normalized(scenes(8, 32, 1))
    if odd == "the images":
        images = images + 1e-3 * torch.randn(images.shape, generator=torch.Generator().manual_seed(0))
    else:
        calibration[5, 2] = torch.randn(32, 32, generator=torch.Generator().manual_seed(0))
    facts, *_ = written(tmp_path / "samples.npz", calibration, images)
    assert not facts["pixels"]
    found = read_samples(str(tmp_path / "samples.npz"), (3, 32, 32), "accuracy")
    assert found.images.tobytes() == images.numpy().tobytes()
    assert read_calibration(str(tmp_path / "samples.npz"), (3, 32, 32)).tobytes() == calibration.numpy().tobytes()


def test_large_images_are_as_many_as_fit_and_numbers_a_quarter_of_them(monkeypatch, tmp_path):
    monkeypatch.setattr(samples, "MOST_BYTES", 20 * 3 * 32 * 32)
    pixels = normalized(scenes(50, 32, 0))
    facts, *_ = written(tmp_path / "pixels.npz", pixels, pixels)
    assert (facts["images"], facts["calibration"]) == (20, 20)
    numbers = pixels + torch.randn(pixels.shape)
    facts, *_ = written(tmp_path / "numbers.npz", numbers, numbers)
    assert (facts["images"], facts["calibration"]) == (5, 5)


def test_large_answers_are_kept_for_the_first_images_and_all_images_are_judged(monkeypatch, tmp_path):
    monkeypatch.setattr(samples, "MOST_EXPECTED_BYTES", 3 * 4 * 10)
    images = normalized(scenes(16, 8, 0))
    facts, labels, expected = written(tmp_path / "samples.npz", images, images)
    assert (facts["images"], facts["expected"]) == (16, 3)
    found = read_samples(str(tmp_path / "samples.npz"), (3, 8, 8), "accuracy")
    answers = torch.nn.functional.one_hot(labels, 10).float().numpy()
    answers[3:6] = 0  # three wrong answers, of images without an expected output
    answers[3:6, 9] = 1
    place = {image.tobytes(): answer for image, answer in zip(found.images, answers, strict=True)}
    score = found.score(lambda batch: np.stack([place[image.tobytes()] for image in batch]), 5)
    assert score.accuracy_percent == 100 * 13 / 16
    assert score.max_abs_error == pytest.approx(np.abs(answers[:3] - expected[:3].numpy()).max())
