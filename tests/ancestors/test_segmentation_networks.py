import pytest
import torch

from edgesynth.ancestors import build_ancestor
from edgesynth.errors import UserError
from edgesynth.lineage import species
from edgesynth.optional import torchvision
from edgesynth.tasks import load_task
from tests.tasks.shapes import write_camvid

LIGHT = ("lraspp-mobilenetv3-small", "lraspp-mobilenetv3-large")


@pytest.mark.parametrize("name", ["refinenet-small", "lraspp-mobilenetv3-small"])
def test_every_group_but_the_output_can_be_cut_and_is_proven(tmp_path, name):
    kind = species(name, load_task(f"camvid:{write_camvid(tmp_path)}", None, 64), 0)
    stays = [group.reason for group in kind.anatomy.groups if not group.removable]
    assert stays == ["output of the network"] and len(kind.anatomy.removable) > 25


def test_refinenet_s_trunk_takes_the_weights_of_torchvision_s_resnet_34():
    torchvision()
    from torchvision.models import resnet34

    ours, theirs = build_ancestor("refinenet-resnet34", 11).trunk.state_dict(), resnet34(weights=None).state_dict()
    shapes = {name: tensor.shape for name, tensor in theirs.items() if not name.startswith("fc.")}
    assert {name: tensor.shape for name, tensor in ours.items()} == shapes


def test_every_scale_of_refinenet_has_a_say_and_the_chained_pooling_too():
    torch.manual_seed(0)
    network = build_ancestor("refinenet-small", 5).eval()
    images = torch.randn(2, 3, 64, 96)
    whole = network(images)
    assert whole.shape == (2, 5, 64, 96)
    for part in ("refine1.adapt.0", "refine2.adapt.0", "refine3.adapt.0", "refine4.adapt.0", "refine2.coarse.2"):
        assert not torch.allclose(silenced(network, part, images), whole, atol=1e-6), part
    for part in ("refine3.pool1", "refine3.pool2", "refine1.output.conv2", "head.1.conv2"):
        assert not torch.allclose(silenced(network, part, images), whole, atol=1e-6), part


def silenced(network, part, images):
    """What a network gives without one of its convolutions."""
    weight = network.get_submodule(part)[0].weight
    kept = weight.data.clone()
    weight.data.zero_()
    given = network(images)
    weight.data.copy_(kept)
    return given


@pytest.mark.parametrize("name", LIGHT)
def test_lraspp_is_torchvision_s_as_one_tensor(name):
    network = build_ancestor(name, 11).eval()
    given = network(torch.randn(1, 3, 64, 96))
    assert given.shape == (1, 11, 64, 96)
    fine, coarse = network.backbone(torch.randn(1, 3, 64, 96)).values()
    assert fine.shape[2:] == (8, 12) and coarse.shape[2:] == (4, 6)


def test_lraspp_takes_the_names_of_torchvision_s_weights_and_gives_what_it_gives():
    torchvision()
    from torchvision.models.segmentation import lraspp_mobilenet_v3_large

    theirs = lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=11).eval()
    ours = build_ancestor(LIGHT[1], 11).eval()
    ours.load_state_dict(theirs.state_dict())
    images = torch.randn(1, 3, 64, 64)
    torch.testing.assert_close(ours(images), theirs(images)["out"])


def test_images_of_a_size_that_does_not_fit_are_refused_with_one_that_does(tmp_path):
    task = load_task(f"camvid:{write_camvid(tmp_path)}", None, 40)
    with pytest.raises(UserError, match="multiples of 32 and those of the task are 40x40; give --image-size 32"):
        species("refinenet-small", task, 0)
