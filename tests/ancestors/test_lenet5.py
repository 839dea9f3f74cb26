import pytest
import torch

from edgesynth.anatomy import trace
from edgesynth.ancestors import build_ancestor
from edgesynth.errors import UserError


def test_lenet5_has_the_synapses_and_macs_of_its_caffe_form():
    census = trace(build_ancestor("lenet5"), (torch.zeros(1, 1, 28, 28),)).census()
    assert census.synapses == 430_500
    assert census.macs == 2_293_000
    assert census.clusters == 20 + 50 + 500 + 10
    assert census.params == 431_080


def test_lenet5_relu_is_lenet5_with_what_its_convolutions_give_below_zero_cut():
    plain, rectified = build_ancestor("lenet5"), build_ancestor("lenet5-relu")
    rectified.load_state_dict(plain.state_dict())
    images = torch.rand(4, 1, 28, 28)
    assert not torch.allclose(plain(images), rectified(images))
    for network in (plain, rectified):
        network.conv1.bias.data.fill_(10.0)  # nothing is below zero any more
        network.conv2.weight.data.abs_()
        network.conv2.bias.data.fill_(0.1)
    rectified.load_state_dict(plain.state_dict())
    assert torch.equal(plain(images), rectified(images))


def test_an_unknown_ancestor_is_refused_with_the_known_ones():
    with pytest.raises(
        UserError, match=r"no ancestor .lenet6. \(near it: lenet5.*; the ancestors are alexnet-cifar, .*lenet5,"
    ):
        build_ancestor("lenet6")
