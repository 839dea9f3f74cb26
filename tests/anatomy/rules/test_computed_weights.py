"""Weights that are computed from parameters: counted, cut, and reported where they cannot be."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune

from edgesynth.anatomy import RemovalPlan, prove, remove, trace
from tests.topology.networks import build


class Softened(nn.Module):
    def forward(self, weight):
        return torch.softmax(weight, 0)


@pytest.mark.parametrize(
    ("layer", "shape", "words"),
    [
        (nn.Conv2d(2, 8, 3), (2, 6, 6), "(conv2d in 0): 2,304 MACs beside the 8 that are"),
        (nn.Linear(4, 8), (4,), "(linear in 0): 32 MACs beside the 8 that are"),
        (nn.ConvTranspose2d(2, 8, 2, stride=2), (2, 3, 3), "(conv_transpose2d in 0): 576 MACs beside the 8 that are"),
    ],
)
def test_layers_whose_weight_is_no_parameter_s_elements_are_told_of(layer, shape, words):
    parametrize.register_parametrization(layer, "weight", Softened())
    network = nn.Sequential(layer, *([] if len(shape) == 1 else [nn.AdaptiveAvgPool2d(1), nn.Flatten()]))
    network.append(nn.Linear(8, 1))
    anatomy = trace(network, (torch.randn(2, *shape),))
    assert words in anatomy.note and "remove_parametrizations makes plain weights" in anatomy.note
    (group,) = [group for group in anatomy.groups if group.size == 8]
    assert "its weight is computed, not a parameter" in group.reason and "remove_parametrizations" in group.reason
    parametrize.remove_parametrizations(layer, "weight")
    assert trace(network, (torch.randn(2, *shape),)).note == ""


def test_a_scaled_weight_is_counted_as_any_other_before_and_after_the_cut():
    network, inputs = build("EqualizedRate")
    anatomy = trace(network, inputs)
    assert anatomy.weights() == ("a.weight", "b.weight", "c.raw", "out.weight") and anatomy.note == ""
    whole, cut = anatomy.census(), anatomy.census({"a": [0, 2], "b": [1], "c": [3, 4, 8]})
    assert whole.synapses == 7 * 3 * 9 + 5 * 7 + 9 * 5 + 3 * 9
    assert whole.macs == 7 * 3 * 9 * 64 + 5 * 7 * 64 + 9 * 5 + 3 * 9
    assert cut.macs == 2 * 3 * 9 * 64 + 1 * 2 * 64 + 3 * 1 + 3 * 3 and cut.activation_macs == 0


def test_columns_cut_from_a_normalized_weight_leave_the_rest_of_it_as_it_was():
    network, inputs = build("WeightNormalized")
    anatomy = trace(network, inputs)
    kept = {"c": [0, 3], "whole": [1, 2, 7]}
    plan = RemovalPlan.from_json(anatomy.plan(kept).to_json())
    small = remove(network, plan)
    assert plan == anatomy.plan(kept)
    assert torch.allclose(small.c.weight, network.c.weight[[0, 3]])
    assert torch.allclose(small.up.weight, network.up.weight[[1, 2, 7]])
    # One norm for the whole weight: rows that are cut count in it, columns do not.
    masked = copy.deepcopy(network)
    masked.whole.parametrizations.weight.original1.data[[0, 3, 4, 5, 6, 8]] = 0
    assert torch.allclose(small.whole.weight, masked.whole.weight[[1, 2, 7]][:, [0, 3]])
    assert (small.c.out_channels, small.whole.in_features, small.up.in_channels) == (2, 2, 3)


def test_a_depthwise_weight_that_is_normalized_lowers_its_groups():
    depthwise = parametrizations.weight_norm(nn.Conv2d(6, 6, 3, groups=6))
    network, images = nn.Sequential(nn.Conv2d(3, 6, 1), depthwise, nn.Conv2d(6, 2, 1)), torch.randn(2, 3, 5, 5)
    anatomy = trace(network, images)
    small = remove(network, anatomy.plan({"0": [1, 4]}))
    assert (small[1].groups, small[1].in_channels, small[1].out_channels) == (2, 2, 2)
    assert prove(network, anatomy, {"0": [1, 4]}, (images,)).ok


def test_of_weights_that_were_pruned_and_left_so_the_way_out_is_told_where_they_hold_channels():
    class Standardized(nn.Conv2d):
        def forward(self, x):
            return F.conv2d(x, self.weight - self.weight.mean((1, 2, 3), keepdim=True), self.bias)

    network = nn.Sequential(nn.Conv2d(3, 6, 1), Standardized(6, 5, 1), nn.Conv2d(5, 2, 1))
    prune.l1_unstructured(network[1], "weight", amount=0.5)
    groups = {group.name: group for group in trace(network, torch.randn(2, 3, 5, 5)).groups}
    assert groups["1"].removable
    assert groups["0"].reason == (
        "its weight is computed with statistics over these channels (conv2d in 1); "
        "torch.nn.utils.prune.remove makes plain weights of computed ones"
    )


class Block(nn.Sequential):
    def __init__(self, i, o):
        super().__init__(nn.Conv2d(i, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU())


class Between(nn.Module):
    """Two blocks and what stands between them."""

    def __init__(self, middle):
        super().__init__()
        self.a, self.b, self.out, self.middle = Block(3, 12), Block(12, 10), nn.Linear(10, 3), middle

    def forward(self, x):
        return self.out(self.b(self.middle(self.a(x))).mean((2, 3)))


def test_features_of_unit_length_are_cut_as_far_as_plain_ones():
    network, images = Between(lambda x: F.normalize(x, dim=1)).eval(), torch.randn(2, 3, 8, 8)
    anatomy = trace(network, images)
    assert {group.name: group.size for group in anatomy.removable} == {"a.0": 12, "b.0": 10}
    whole, cut = anatomy.census(), anatomy.census({"a.0": range(6), "b.0": range(5)})
    assert cut.macs == 6 * 27 * 64 + 5 * 6 * 9 * 64 + 15 and whole.macs / cut.macs > 3.1


class Pooled(nn.Module):
    def __init__(self, pool):
        super().__init__()
        self.a, self.b, self.out, self.pool = Block(3, 12), nn.Conv2d(12, 16, 3), nn.Linear(16, 3), pool

    def forward(self, x):
        return self.out(self.pool(self.b(self.a(x)).flatten(2)))


@pytest.mark.parametrize("pool", [lambda x: torch.max(x, 2)[0], lambda x: torch.min(x, dim=-1).values])
def test_an_extremum_over_space_ties_no_channels_whether_or_not_it_gives_indices(pool):
    network, other = Pooled(pool), Pooled(lambda x: x.amax(2))
    images = torch.randn(2, 3, 8, 8)
    groups, others = (
        {group.name: (group.size, [(m.parameter, m.dim, m.role) for m in group.members]) for group in anatomy.groups}
        for anatomy in (trace(network, images), trace(other, images))
    )
    assert groups == others and groups["b"][0] == 16


def test_a_view_s_shape_that_a_module_states_is_mended_and_survives_as_text():
    network, inputs = build("Generator")
    anatomy = trace(network, inputs)
    kept = {"start": [0, 2, 5], "up": [1, 4]}
    small = remove(network, RemovalPlan.from_json(anatomy.plan(kept).to_json()))
    assert small.image.unflattened_size == (3, 3, 3) and network.image.unflattened_size == (7, 3, 3)
    assert torch.equal(small.start.weight, network.start.weight[[*range(9), *range(18, 27), *range(45, 54)]])
    assert prove(network, anatomy, kept, inputs).ok
