import json

import onnx
import pytest
import torch
from torch import nn

from edgesynth.errors import UserError
from edgesynth.export.calibration import METHODS, UNSEEN, Histogram, bounds_of, methods, observe
from edgesynth.export.calibration.histogram import BINS
from edgesynth.export.int8.ranges import ranges_json
from edgesynth.export.onnx.onnx_file import to_onnx

SHAPE = (1, 8, 8)


@pytest.fixture
def images():
    return torch.randn(100, *SHAPE, generator=torch.Generator().manual_seed(0))


def seen(*parts):
    found = Histogram()
    for part in parts:
        found.add(part)
    return found


def biased(*layers):
    """A convolution whose outputs lie around -10, and what follows it."""
    model = nn.Sequential(nn.Conv2d(1, 2, 1), *layers)
    nn.init.constant_(model[0].weight, 0.01)
    nn.init.constant_(model[0].bias, -10)
    return model


def test_minmax_is_the_largest_magnitude_over_all_batches(convnet, images, tmp_path):
    to_onnx(convnet, SHAPE, tmp_path / "m.onnx")
    ranges = ranges_json("m.onnx", bounds_of(observe(tmp_path / "m.onnx", images), "minmax"), "minmax", 100)
    convnet.eval()
    with torch.no_grad():
        stages = [images, convnet[:2](images), convnet[:3](images), convnet[:4](images), convnet(images)]
    assert list(ranges["amax"].values()) == pytest.approx([stage.abs().max().item() for stage in stages], rel=1e-5)


def test_every_activation_is_named_in_the_order_of_the_graph(exported):
    ranges = json.loads((exported.path / "ranges.json").read_text())
    graph = onnx.load(str(exported.path / "model.onnx")).graph
    assert list(ranges["amax"]) == ["images", *(name for node in graph.node for name in node.output)]
    assert (ranges["schema"], ranges["model"], ranges["images"]) == (2, "model.onnx", 512)
    assert ranges["method"] == exported.manifest["models"]["int8"]["calibration"]["method"]


@pytest.mark.parametrize("method", list(METHODS))
def test_a_negative_tensor_has_the_magnitude_of_its_low_end(images, tmp_path, method):
    to_onnx(biased(nn.Flatten()), SHAPE, tmp_path / "m.onnx")
    low, high = bounds_of(observe(tmp_path / "m.onnx", images), method)["logits"]
    assert low == pytest.approx(-10, abs=0.1)
    assert high == 0


@pytest.mark.parametrize("method", list(METHODS))
def test_a_tensor_that_is_always_zero_gets_a_usable_range(images, tmp_path, method):
    to_onnx(biased(nn.ReLU(), nn.Flatten(), nn.Linear(128, 2)), SHAPE, tmp_path / "m.onnx")
    bounds = bounds_of(observe(tmp_path / "m.onnx", images), method)
    assert [value for name, value in bounds.items() if "Relu" in name] == [(0.0, UNSEEN)]
    assert all(low < high for low, high in bounds.values())


@pytest.mark.parametrize("method", list(METHODS))
def test_a_constant_activation_is_within_its_range(method):
    assert METHODS[method](seen(torch.full((4, 5), 3.0))) == pytest.approx(3.0)


def test_a_histogram_that_grows_counts_what_one_of_the_final_width_would():
    parts = [torch.randn(1000, generator=torch.Generator().manual_seed(n)) * 4**n for n in range(4)]
    grown = seen(*parts)
    values = torch.cat(parts)
    assert (grown.low, grown.high) == (values.min().item(), values.max().item())
    assert grown.counts.sum() == 4000
    whole = torch.histc(values.abs(), BINS, 0.0, grown.top).double()
    assert (grown.counts.cumsum(0) - whole.cumsum(0)).abs().max() <= 2  # values on an edge of two bins


def test_a_percentile_leaves_out_the_share_that_it_says():
    values = torch.rand(200_000, generator=torch.Generator().manual_seed(0))
    values[0] = 100.0
    found = seen(values)
    assert METHODS["minmax"](found) == 100.0
    assert METHODS["percentile-99.99"](found) == pytest.approx(1.0, abs=100 / BINS)


def test_entropy_clips_the_tail_of_a_bell_and_keeps_a_uniform_range():
    source = torch.Generator().manual_seed(0)
    bell = torch.randn(200_000, generator=source)
    bell[0] = 20.0
    assert 2.5 < METHODS["entropy"](seen(bell)) < 8
    assert METHODS["entropy"](seen(torch.rand(200_000, generator=source))) == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.rand(4, 3, 8, 8), r"calibration images are 3 x 8 x 8 and the network takes 1 x 8 x 8"),
        (torch.rand(4, 8, 8), r"are 8 x 8 and"),
        (torch.zeros(4, *SHAPE), r"are all zero"),
        (torch.full((1, *SHAPE), float("nan")), r"hold nan or infinity"),
        (torch.rand(0, *SHAPE), r"no calibration images"),
    ],
)
def test_images_that_no_range_can_be_told_from_are_refused(convnet, tmp_path, images, message):
    to_onnx(convnet, SHAPE, tmp_path / "m.onnx")
    with pytest.raises(UserError, match=message):
        observe(tmp_path / "m.onnx", images)


def test_one_image_is_enough(convnet, images, tmp_path):
    to_onnx(convnet, SHAPE, tmp_path / "m.onnx")
    assert bounds_of(observe(tmp_path / "m.onnx", images[:1]), "entropy")["images"][0] < 0


def test_an_activation_that_is_not_finite_is_named(images, tmp_path):
    model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.Flatten())
    nn.init.constant_(model[0].weight, 3e38)
    to_onnx(model, SHAPE, tmp_path / "m.onnx")
    with pytest.raises(UserError, match=r"not finite in .*Conv"):
        observe(tmp_path / "m.onnx", 100 * images)


def shares(draws, size):
    return torch.exp(-torch.arange(BINS) / size) * torch.rand(BINS, generator=draws)


@pytest.mark.parametrize(
    "drawn",
    [
        lambda draws: torch.randint(0, 1000, (BINS,), generator=draws),
        lambda draws: 1e6 * shares(draws, 40),
        lambda draws: 30 * shares(draws, 300),
        lambda draws: torch.randint(0, 400, (BINS,), generator=draws) // 398,  # so few that many clippings are equal
    ],
    ids=["even", "steep", "flat", "few"],
)
def test_entropy_takes_the_first_clipping_of_the_least_divergence_of_all(drawn):
    draws = torch.Generator().manual_seed(0)
    for _ in range(5):
        seen = Histogram()
        seen.low, seen.high, seen.top = 0.0, float(BINS), float(BINS)
        seen.counts = drawn(draws).floor().double()
        counts = torch.cat([seen.counts[1:2], seen.counts[1:]])
        divergences = [methods._divergence(counts, stop) for stop in range(128, BINS + 1, 16)]
        assert METHODS["entropy"](seen) == 128 + 16 * divergences.index(min(divergences))
        nearly = methods._divergences(counts)
        assert torch.allclose(nearly, torch.tensor(divergences, dtype=torch.float64), rtol=0, atol=methods.ROUNDING)
