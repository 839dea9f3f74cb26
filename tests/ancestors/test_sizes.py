import pytest
import torch
from torch import nn

from edgesynth.ancestors import build_ancestor, check_size
from edgesynth.errors import UserError


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("lenet5", (3, 64, 64), "lenet5 takes images of 1 channel and those of the task have 3; name an --ancestor"),
        ("resnet20", (1, 28, 28), "resnet20 takes images of 3 channels and those of the task have 1"),
        ("alexnet", (3, 32, 32), "images of 32x32 are too small for the ancestor alexnet"),
        ("squeezenet1_1", (3, 8, 8), "images of 8x8 are too small for the ancestor squeezenet1_1"),
        ("alexnet-cifar", (3, 40, 40), "multiples of 32 and those of the task are 40x40; give --image-size 32"),
    ],
)
def test_images_that_a_network_cannot_take_are_refused_with_what_to_do(name, shape, message):
    with pytest.raises(UserError, match=message):
        check_size(name, build_ancestor(name), shape)


def test_the_network_is_left_as_it_was_and_its_own_faults_are_left_to_tracing():
    network = nn.Sequential(nn.BatchNorm2d(3), nn.Linear(5, 2)).train()
    check_size("mine", network, (3, 8, 8))
    assert (
        network.training
        and torch.equal(network[0].running_mean, torch.zeros(3))
        and network[0].num_batches_tracked == 0
    )
