"""Ancestors for small images, against published sizes, and torchvision's by their plain names."""

import sys

import pytest
import torch

from edgesynth.anatomy import prove_groups, trace
from edgesynth.ancestors import build_ancestor, example_shape
from edgesynth.ancestors.zoo.mobilenet import MobileNetV2
from edgesynth.errors import UserError
from edgesynth.optional import torchvision


@pytest.mark.parametrize(
    ("name", "params", "macs"),
    [
        ("alexnet-cifar", 7_706_442, 225_650_688),  # of our own form: counted by hand from its docstring's line
        ("vgg16-bn-cifar", 14_991_946, 313_463_808),  # 1.5e7 and 3.13e8 (arXiv 1608.08710, table 1)
        ("mobilenet-v1", 4_231_976, 568_740_352),  # 4.2 M and 569 M (arXiv 1704.04861, table 4)
        ("mobilenet-v1-cifar", 3_217_226, 46_354_432),
        ("mobilenet-v2-cifar", 2_236_682, 87_976_448),
        ("squeezenet-cifar", 727_626, 88_735_744),
    ],
)
def test_size_is_the_published_one_and_all_but_the_output_can_be_cut(name, params, macs):
    network = build_ancestor(name).eval()
    inputs = (torch.randn(example_shape(name)),)
    anatomy = prove_groups(network, trace(network, inputs), inputs)
    census = anatomy.census()
    assert (census.params, census.macs) == (params, macs)
    (protected,) = [group for group in anatomy.groups if not group.removable]
    assert protected.reason == "output of the network"


def test_alexnet_has_the_size_that_its_line_says():
    shapes = [(64, 3, 5, 32), (192, 64, 5, 16), (384, 192, 3, 8), (256, 384, 3, 8), (256, 256, 3, 8)]
    convolutions = sum(outputs * inputs * side**2 * places**2 for outputs, inputs, side, places in shapes)
    assert convolutions + 256 * 16 * 1024 + 1024 * 1024 + 10 * 1024 == 225_650_688


def test_alexnet_takes_images_of_stl_10_s_size():
    assert build_ancestor("alexnet-cifar", 7).eval()(torch.zeros(1, 3, 96, 96)).shape == (1, 7)


@pytest.mark.parametrize(
    ("ours", "theirs"), [("squeezenet-cifar", "squeezenet1_1"), ("mobilenet-v2-cifar", "mobilenet_v2")]
)
def test_the_small_form_has_the_names_and_shapes_of_torchvision_s(ours, theirs):
    small, large = (build_ancestor(name, 10).state_dict() for name in (ours, theirs))
    own, expected = ({name: tensor.shape for name, tensor in state.items()} for state in (small, large))
    assert own == expected


def test_mobilenet_v2_for_photographs_computes_what_torchvision_s_does():
    ours, theirs = MobileNetV2(1000, unhalved=0).eval(), build_ancestor("mobilenet_v2").eval()
    ours.load_state_dict(theirs.state_dict())
    images = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(ours(images), theirs(images))


def test_a_classifier_of_torchvision_comes_by_its_plain_name():
    plain, path = (build_ancestor(name, 5) for name in ("resnet18", "torchvision.models:resnet18"))
    assert str(plain) == str(path) and plain.fc.out_features == 5
    assert example_shape("resnet18") == (1, 3, 224, 224)


def test_torchvision_s_alexnet_and_ours_are_told_apart():
    assert sum(parameter.numel() for parameter in build_ancestor("alexnet").parameters()) == 61_100_840


@pytest.mark.parametrize("name", ["shufflenet_v2_x0_5", "squeezenet1_1"])
def test_plain_names_are_traced_and_proven(name):
    network, inputs = build_ancestor(name, 4).eval(), (torch.randn(1, 3, 64, 64),)
    anatomy = prove_groups(network, trace(network, inputs), inputs)
    assert {group.reason for group in anatomy.groups if not group.removable} <= {"output of the network"}
    assert anatomy.removable


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_networks_with_an_auxiliary_head_give_one_answer_in_training_too(name):
    network = build_ancestor(name, 3).train()
    assert network(torch.randn(2, 3, 96, 96)).shape == (2, 3)


def test_every_classifier_of_torchvision_has_its_plain_name():
    from edgesynth.ancestors.zoo.torchvision_classifiers import path_of

    names = torchvision().models.list_models(module=torchvision().models)
    assert len(names) > 70 and all(path_of(name) == f"torchvision.models:{name}" for name in names)


def test_an_unknown_name_is_refused_with_those_near_it():
    with pytest.raises(UserError, match=r"no ancestor 'resnet19' \(near it: .*resnet18"):
        build_ancestor("resnet19")


def test_a_classifier_of_torchvision_where_that_is_absent_is_refused_with_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    torchvision.cache_clear()
    try:
        with pytest.raises(UserError) as refusal:
            build_ancestor("resnet18")
    finally:
        torchvision.cache_clear()
    message = str(refusal.value)
    assert (
        f"torchvision, which is not installed: pip install torchvision torch=={torch.__version__.partition('+')[0]}"
        in message
    )
    assert "such as resnet18" not in message
    assert "lenet5" in message and "package.module:callable" in message
