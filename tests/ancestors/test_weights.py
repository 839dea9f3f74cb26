import pickle
import re

import pytest
import safetensors.torch
import torch
from torch import nn

from edgesynth.ancestors import build_ancestor, read_weights
from edgesynth.errors import UserError
from edgesynth.optional import torchvision


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 3))


@pytest.mark.parametrize("wrap", [None, "state_dict", "model"])
@pytest.mark.parametrize("suffix", ["safetensors", "pth"])
def test_a_file_of_tensors_is_read_as_it_was_saved(tmp_path, suffix, wrap):
    state, path = network().state_dict(), tmp_path / f"weights.{suffix}"
    if suffix == "safetensors":
        safetensors.torch.save_file(state, path)
    else:
        torch.save({wrap: state, "epoch": 3} if wrap else state, path)
    torch.manual_seed(1)
    weights = read_weights(
        path, nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 3))
    ).state
    assert weights.keys() == state.keys() and all(torch.equal(weights[name], tensor) for name, tensor in state.items())


def refusal_of(state, path, *into):
    """The lines of the refusal, each without the spaces that align it."""
    torch.save(state, path)
    with pytest.raises(UserError) as refusal:
        read_weights(path, *into)
    return [" ".join(line.split()) for line in str(refusal.value).split("\n")]


def test_every_name_that_does_not_fit_is_told_with_the_wanted_shape_beside_the_found_one(tmp_path):
    state = network().state_dict()
    del state["0.bias"], state["1.num_batches_tracked"]
    state["head.weight"] = torch.zeros(2)
    state["3.weight"] = torch.zeros(5, 16)
    first, *names = refusal_of(state, tmp_path / "weights.pth", network())
    assert "weights.pth does not fit Sequential: 6 of its 8 tensors fit (1 is of another shape, 1 is missing, " in first
    assert "1 is not in the network); give the file that was saved from this network" in first
    assert names == ["tensor wanted found", "3.weight 3x16 5x16", "0.bias 4 none", "head.weight none 2"]


def test_a_file_of_before_batches_were_counted_fits(tmp_path):
    state = network().state_dict()
    del state["1.num_batches_tracked"]
    torch.save(state, tmp_path / "weights.pth")
    assert read_weights(tmp_path / "weights.pth", network()).state["1.num_batches_tracked"] == 0


def test_counters_of_another_form_are_the_network_s_own_and_those_of_no_use_are_left_out(tmp_path):
    state = network().state_dict()
    state["1.num_batches_tracked"], state["9.num_batches_tracked"] = torch.ones(3), torch.tensor(1)
    torch.save(state, tmp_path / "weights.pth")
    loaded = read_weights(tmp_path / "weights.pth", network()).state
    assert loaded["1.num_batches_tracked"] == 0 and "9.num_batches_tracked" not in loaded


def test_where_all_names_have_a_prefix_none_fits_and_counters_are_not_in_the_list(tmp_path):
    resnet = build_ancestor("resnet20")
    state = {f"x.{name}": tensor for name, tensor in resnet.state_dict().items()}
    first, *names = refusal_of(state, tmp_path / "weights.pth", resnet)
    # 19 layers of 1 tensor and their normalizations of 4, a linear layer of 2; 40 of each kind are named
    assert "0 of its 97 tensors fit (97 are missing, 97 are not in the network)" in first
    assert "conv1.weight 16x3x3x3 none" in names and "x.conv1.weight none 16x3x3x3" in names
    assert names[-2:] == ["and 57 more missing", "and 57 more not in the network"]
    assert len(names) == 1 + 2 * 40 + 2 and not any("num_batches" in line for line in names)


def test_the_prefix_of_data_parallel_is_taken_off(tmp_path):
    state = network().state_dict()
    torch.save({f"module.{name}": tensor for name, tensor in state.items()}, tmp_path / "weights.pth")
    assert read_weights(tmp_path / "weights.pth", network()).state.keys() == state.keys()


def test_files_of_torchvision_load_whatever_torch_saved_them(tmp_path):
    """DenseNet's names as an older torch wrote them, GoogLeNet's auxiliary heads, both in the older file format."""
    models = torchvision().models
    densenet, other = (models.DenseNet(8, (1, 1), 8, num_classes=2) for _ in range(2))
    old = {re.sub(r"(norm|conv)([12])\.", r"\1.\2.", name): tensor for name, tensor in densenet.state_dict().items()}
    old = {re.sub(r"^features\.(norm|conv)\.", r"features.\1", name): tensor for name, tensor in old.items()}
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    torch.save(
        old,
        tmp_path / "d.pth",
        _use_new_zipfile_serialization=False,
    )
    loaded = read_weights(tmp_path / "d.pth", other).state
    assert all(torch.equal(tensor, densenet.state_dict()[name]) for name, tensor in loaded.items())

    whole = models.googlenet(weights=None, num_classes=2, aux_logits=True, init_weights=False)
    torch.save(whole.state_dict(), tmp_path / "g.pth", _use_new_zipfile_serialization=False)
    state = read_weights(tmp_path / "g.pth", build_ancestor("googlenet", 2)).state
    assert "fc.weight" in state and not any(name.startswith("aux") for name in state)


class Trap:
    def __reduce__(self):
        return (exec, ("raise SystemExit('code of the file ran')",))


def test_nothing_but_tensors_is_unpickled(tmp_path):
    torch.save({"layer": Trap()}, tmp_path / "trap.pth")
    (tmp_path / "plain.pth").write_bytes(pickle.dumps(Trap()))
    torch.save(network(), tmp_path / "module.pth")
    for name in ("trap", "plain", "module"):
        with pytest.raises(UserError, match=rf"{name}.pth is no file of tensors alone"):
            read_weights(tmp_path / f"{name}.pth", network())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "is not a file"),
        (b"hello", "is no file of tensors alone"),
        ([1, 2], "holds no state of a network"),
        ({"epoch": 3, "rate": 0.1}, "holds what is no tensor: epoch, rate"),
    ],
)
def test_a_file_that_holds_no_network_is_refused(tmp_path, content, message):
    path = tmp_path / "weights.pth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        torch.save(content, path)
    with pytest.raises(UserError, match=message):
        read_weights(path, network())


def test_weights_that_are_not_finite_are_refused(tmp_path):
    state = network().state_dict()
    state["3.bias"][1] = float("nan")
    torch.save(state, tmp_path / "weights.pth")
    with pytest.raises(UserError, match=r"holds nan or infinity in 3.bias"):
        read_weights(tmp_path / "weights.pth", network())


def test_networks_are_built_for_the_number_of_classes_where_they_take_it():
    assert build_ancestor("torchvision.models:squeezenet1_1", 7).classifier[1].out_channels == 7
    assert build_ancestor("torchvision.models:resnet18", 5).fc.out_features == 5
    assert (
        build_ancestor(
            "torchvision.models.segmentation:lraspp_mobilenet_v3_large", 4
        ).classifier.low_classifier.out_channels
        == 4
    )
    assert build_ancestor("lenet5", 26).fc2.out_features == 26 and build_ancestor("lenet5").fc2.out_features == 10
