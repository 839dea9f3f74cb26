"""Networks that take one number of images alone are refused before anything is trained, and their line is named."""

import pytest
import torch
from torch import nn

from edgesynth.errors import UserError
from edgesynth.lineage.network.batch_sizes import check_batches

IMAGES = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))


class Network(nn.Module):
    def __init__(self, flat, training_flat=None):
        super().__init__()
        self.conv, self.out = nn.Conv2d(3, 4, 8), nn.Linear(4, 2)
        self.flat, self.training_flat = flat, training_flat or flat

    def forward(self, x):
        return self.out((self.training_flat if self.training else self.flat)(self.conv(x)))


def any_number(y):
    return y.flatten(1)


def two(y):
    return y.view(2, -1)


def two_by_four(y):
    return y.reshape(2, 4)


def squeezed(y):
    return y.squeeze()


@pytest.mark.parametrize(
    ("flat", "line"),
    [
        (two, "return y.view(2, -1)"),
        (two_by_four, "return y.reshape(2, 4)"),
        (squeezed, "return y.squeeze()"),
    ],
)
def test_a_number_of_images_in_the_forward_is_refused_with_its_line(flat, line):
    with pytest.raises(UserError) as refusal:
        check_batches("net", Network(flat), IMAGES, in_training=False)
    assert line in str(refusal.value) and "test_batch_sizes.py:" in str(refusal.value)
    assert "takes 2 images, and of one image it" in str(refusal.value)


def test_what_training_alone_writes_is_refused_too():
    network = Network(any_number, two)
    check_batches("net", network, IMAGES, in_training=False)
    with pytest.raises(UserError, match=r"takes 2 images in training, and of one image .*view\(2, -1\)"):
        check_batches("net", network, IMAGES, in_training=True)


def test_a_network_of_any_number_of_images_is_taken_and_stays_as_it_was():
    network = Network(any_number)
    network.conv.register_buffer("calls", torch.zeros(()))

    def count(module, inputs, output):
        module.calls.add_(1)

    network.conv.register_forward_hook(count)
    check_batches("net", network, IMAGES, in_training=True)
    assert network.training and not network.conv.calls
