import pytest
import torch

from edgesynth.ancestors import build_ancestor
from edgesynth.errors import UserError
from edgesynth.lineage import species
from edgesynth.tasks import load_task
from tests.tasks.shapes import write_shapes


def test_the_large_one_has_vgg_16_s_convolutions_and_the_branches_of_paper_1():
    network = build_ancestor("saliency-vgg16", 1)
    trunk = [network.get_submodule(f"c{number}") for number in range(1, 6)]
    convolutions = [layer for stack in trunk for layer in stack if isinstance(layer, torch.nn.Conv2d)]
    assert len(convolutions) == 13 and sum(layer.weight.numel() for layer in convolutions) == 14_710_464  # VGG-16's
    assert {name for name, _ in network.named_children()} == {f"c{number}" for number in range(1, 12)}


def test_one_map_of_the_image_s_size_comes_out_and_every_branch_has_a_say():
    torch.manual_seed(0)
    network = build_ancestor("saliency-small", 1).eval()
    images = torch.randn(2, 3, 32, 48)
    whole = network(images)
    assert whole.shape == (2, 1, 32, 48)
    for branch in ("c6", "c7", "c8", "c10"):
        weight = network.get_submodule(branch)[0].weight
        kept = weight.data.clone()
        weight.data.zero_()
        assert not torch.allclose(network(images), whole, atol=1e-6), branch
        weight.data.copy_(kept)


@pytest.mark.parametrize("name", ["saliency-small", "saliency-medium"])
def test_every_group_but_the_output_can_be_cut(tmp_path, name):
    task = load_task(f"masks:{write_shapes(tmp_path)}", None, 32)
    anatomy = species(name, task, 0).anatomy
    assert [group.name for group in anatomy.groups if not group.removable] == ["c9.1"]


def test_images_of_a_size_that_cannot_be_halved_four_times_are_refused_with_one_that_can(tmp_path):
    task = load_task(f"masks:{write_shapes(tmp_path)}", None, 40)
    with pytest.raises(UserError, match="multiples of 16 and those of the task are 40x40; give --image-size 32"):
        species("saliency-small", task, 0)


def test_a_classifier_is_refused_for_saliency_with_what_it_must_give(tmp_path):
    task = load_task(f"masks:{write_shapes(tmp_path)}", None, 32)
    with pytest.raises(UserError, match=r"gives \(2, 1\) .* 1 class; it must give \(2, 1, 32, 32\)"):
        species("resnet20", task, 0)
