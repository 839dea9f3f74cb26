"""Weights of a backbone alone, as torchvision trains it."""

import pytest
import torch
from torch import nn

from edgesynth.ancestors import build_ancestor, read_weights
from edgesynth.errors import UserError
from edgesynth.optional import torchvision


def taken(state, path, ancestor):
    """The ancestor with the weights of a backbone, in evaluation mode, and what the reading told."""
    torch.save(state, path)
    network = build_ancestor(ancestor, 3)
    weights = read_weights(path, network, ancestor)
    network.load_state_dict(weights.state)
    return network.eval(), weights


def lived_in(network):
    """The network in evaluation mode, with biases and statistics of normalization that are no longer as they began."""
    torch.manual_seed(3)
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.bias is not None:
            nn.init.normal_(module.bias, std=0.1)
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 2)
            nn.init.normal_(module.bias, std=0.1)
    return network.eval()


def test_resnet34_is_the_trunk_of_refinenet(tmp_path):
    resnet = lived_in(build_ancestor("resnet34", 1000))
    network, weights = taken(resnet.state_dict(), tmp_path / "r.pth", "refinenet-resnet34")
    images = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        pooled = network.trunk(images)[-1].mean((2, 3))
        assert torch.allclose(resnet.fc(pooled), resnet(images), atol=1e-4)
    assert not any(name.startswith("trunk.") for name in weights.untrained) and len(weights.state) == 566
    assert weights.note == (
        f"{tmp_path / 'r.pth'}: these are weights of the backbone alone, so refine1, refine2, refine3, refine4, head, "
        "classifier start untrained"
    )


@pytest.mark.parametrize("normalized", [True, False])
def test_vgg_is_the_stacks_of_the_saliency_network_with_and_without_normalization(tmp_path, normalized):
    """Of torchvision's making, with the widths of the small one: each bias is in the mean of our normalization."""
    widths = [16, "M", 32, "M", 48, 48, "M", 64, 64, "M", 64, 64, "M"]
    features = lived_in(torchvision().models.vgg.make_layers(widths, batch_norm=normalized))
    state = {f"features.{name}": tensor for name, tensor in features.state_dict().items()}
    state["classifier.0.weight"] = torch.zeros(5, 5)
    network, weights = taken(state, tmp_path / "vgg.pth", "saliency-small")
    images = inner = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        for stack in (network.c1, network.c2, network.c3, network.c4, network.c5):
            inner = nn.functional.max_pool2d(stack(inner), 2)
        assert inner.std() > 0 and torch.allclose(inner, features(images), rtol=1e-3, atol=1e-4)
    assert "so c6, c7, c8, c9, c10, c11 start untrained" in weights.note


@pytest.mark.parametrize("size", ["small", "large"])
def test_mobilenet_is_the_backbone_of_lraspp(tmp_path, size):
    state = build_ancestor(f"mobilenet_v3_{size}", 1000).state_dict()
    network, weights = taken(state, tmp_path / "m.pth", f"lraspp-mobilenetv3-{size}")
    ours = [tensor for name, tensor in network.state_dict().items() if name.startswith("backbone.")]
    theirs = [tensor for name, tensor in state.items() if name.startswith("features.")]
    assert all(torch.equal(*pair) for pair in zip(ours, theirs, strict=True))
    assert weights.note.endswith("of the backbone alone, so classifier starts untrained")


def test_a_backbone_of_another_depth_is_refused_and_only_what_is_of_it_is_counted(tmp_path):
    # ResNet-18 has 20 convolutions in its trunk and ResNet-34 has 36, each with four tensors of normalization
    with pytest.raises(UserError, match=r"does not fit RefineNet: 100 of its 180 tensors fit \(") as refusal:
        taken(build_ancestor("resnet18").state_dict(), tmp_path / "r.pth", "refinenet-resnet34")
    assert "trunk.layer1.2.conv1.weight 64x64x3x3 none" in " ".join(str(refusal.value).split())


def test_a_stack_too_few_is_refused_by_the_names_of_the_file(tmp_path):
    features = torchvision().models.vgg.make_layers([16, "M", 32, "M", 48, "M"], batch_norm=True)
    state = {f"features.{name}": tensor for name, tensor in features.state_dict().items()}
    with pytest.raises(UserError, match=r"0 of its .* tensors fit") as refusal:
        taken(state, tmp_path / "vgg.pth", "saliency-small")
    assert "features.0.weight none 16x3x3x3" in " ".join(str(refusal.value).split())
