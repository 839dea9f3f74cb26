import math

import pytest
import torch

from edgesynth.export.calibration.histogram import Histogram
from edgesynth.quantization.sampling import stride_of
from edgesynth.quantization.scale_initialization import fitted_scale


@pytest.mark.parametrize(("count", "most"), [(1, 5), (5, 5), (6, 5), (1 << 24, 1 << 18), (64 * 24 * 24 * 20, 1 << 18)])
def test_a_stride_meets_at_most_so_many_and_nothing_in_step(count, most):
    step = stride_of(count, most)
    assert -(-count // step) <= most and math.gcd(step, count) == 1


def relative_error(values, scale):
    rounded = (values / scale).round().clamp(-127, 127) * scale
    return ((rounded - values).square().sum() / values.square().sum()).item()


def test_sparse_rows_of_a_large_weight_are_fitted_by_what_lives_in_them():
    source = torch.Generator().manual_seed(0)
    weight = 0.02 * torch.randn(256, 4096, generator=source)
    weight *= torch.rand(weight.shape, generator=source) < 0.02
    scale = fitted_scale(weight, 127, weight.count_nonzero(1))[:, None]
    whole = weight.abs().amax(1, keepdim=True) / 127
    assert relative_error(weight, scale) <= relative_error(weight, whole) < 1e-3


def test_what_stands_in_the_middle_of_black_images_is_seen():
    images = torch.zeros(64, 16, 32, 32)
    images[:, :, 8:24, 8:24] = torch.rand(64, 16, 16, 16, generator=torch.Generator().manual_seed(0))
    (scale,) = fitted_scale(images.reshape(1, -1), 127, torch.tensor([images.numel()]))
    assert 0.9 / 127 < scale < 1.1 / 127
    histogram = Histogram()
    histogram.add(images)
    assert abs(1 - histogram.counts[0] / histogram.counts.sum() - 0.25) < 0.01
