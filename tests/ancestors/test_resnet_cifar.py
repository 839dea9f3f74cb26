import pytest
import torch
import torch.nn.functional as F

from edgesynth.anatomy import prove_groups, trace
from edgesynth.ancestors import build_ancestor, example_shape

IMAGES = torch.zeros(1, 3, 32, 32)


@pytest.mark.parametrize(("name", "params", "macs"), [("resnet20", 269_722, 40.55e6), ("resnet56", 853_018, 125.49e6)])
def test_size_is_that_of_the_paper(name, params, macs):
    census = trace(build_ancestor(name), IMAGES).census()
    assert example_shape(name) == (1, 3, 32, 32)
    assert census.params == params
    assert census.macs == pytest.approx(macs, rel=1e-4)


def test_a_block_that_widens_passes_every_other_place_on_between_channels_of_zeros():
    block = build_ancestor("resnet20").get_submodule("layer2.0").eval()
    torch.nn.init.zeros_(block.bn2.weight)
    features = torch.randn(2, 16, 8, 8)
    expected = torch.zeros(2, 32, 4, 4)
    expected[:, 8:24] = F.relu(features[:, :, ::2, ::2])
    torch.testing.assert_close(block(features), expected)


def test_the_stream_and_the_inside_of_every_block_can_be_cut_but_what_is_padded_cannot():
    model = build_ancestor("resnet20").eval()
    inputs = (torch.randn(2, 3, 32, 32),)
    anatomy = prove_groups(model, trace(model, inputs), inputs)
    inside = {f"layer{stage}.{block}.conv1" for stage in (1, 2, 3) for block in (0, 1, 2)}
    assert {group.name: group.size for group in anatomy.removable if group.name not in inside} == {"conv1": 16}
    assert inside <= {group.name for group in anatomy.removable}
    assert {group.name for group in anatomy.groups if not group.removable} == {
        "layer2.0.conv2",
        "layer3.0.conv2",
        "linear",
    }
