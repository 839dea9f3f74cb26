import pytest
import torch
from torch import nn

from edgesynth.anatomy import choose_layout, in_layout


class Viewed(nn.Module):
    """What follows its convolution is the question."""

    def __init__(self, flatten):
        super().__init__()
        self.conv, self.bn, self.fc = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4 * 36, 2)
        self.flatten = flatten

    def forward(self, x):
        return self.fc(self.flatten(self.bn(self.conv(x)).relu()))


class Flat(nn.Module):
    """A view, which is no copy."""

    def forward(self, x):
        return x.view(x.size(0), -1)


class Noisy(nn.Module):
    """Draws in evaluation mode too."""

    def forward(self, x):
        return x + torch.randn_like(x)


@pytest.mark.parametrize(("flatten", "last"), [(nn.Flatten(), True), (Flat(), False)])
def test_channels_last_is_for_networks_that_can_take_it(flatten, last):
    network = Viewed(flatten)
    images = torch.randn(5, 8, 8, 3).permute(0, 3, 1, 2)
    expected = network.eval()(images.contiguous())
    network.train()
    assert in_layout(choose_layout(network, (3, 8, 8))) is network
    assert network.conv.weight.is_contiguous(memory_format=torch.channels_last) is last
    assert network.training and network.bn.num_batches_tracked == 0
    network(images).sum().backward()
    assert network.conv.weight.grad is not None
    network.bn.reset_running_stats()
    assert torch.allclose(network.eval()(images), expected, atol=1e-5)


def test_one_channel_whose_strides_are_those_of_the_last_is_put_in_order_too():
    network = nn.Sequential(nn.Conv2d(1, 4, 3), Flat(), nn.Linear(4 * 36, 2))
    for _ in range(2):
        choose_layout(network, (1, 8, 8))
    assert len(network._forward_pre_hooks) == 1
    seen = []
    network[0].register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].stride()))
    for strides in ((64, 1, 8, 1), (64, 64, 8, 1)):
        network(torch.randn(5, 64).as_strided((5, 1, 8, 8), strides)).sum().backward()
    assert seen == [(64, 64, 8, 1)] * 2


def test_no_random_number_is_drawn():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), Noisy())
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    choose_layout(network, (3, 8, 8))
    assert torch.equal(torch.rand(1), expected)
