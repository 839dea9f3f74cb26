import pickle

import pytest
import safetensors.torch
import torch
from torch import nn

from edgesynth.ancestors import build_ancestor, read_weights
from edgesynth.errors import UserError


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
    found = read_weights(path, nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 3)))
    assert found.keys() == state.keys() and all(torch.equal(found[name], tensor) for name, tensor in state.items())


def test_every_name_that_does_not_fit_is_in_one_message(tmp_path):
    state = network().state_dict()
    del state["0.bias"]
    state["head.weight"] = torch.zeros(2)
    state["3.weight"] = torch.zeros(5, 16)
    torch.save(state, tmp_path / "weights.pth")
    with pytest.raises(UserError) as refusal:
        read_weights(tmp_path / "weights.pth", network())
    for words in (
        "does not fit Sequential",
        "0.bias is missing",
        "head.weight is not in the network",
        "3.weight is 5x16 and must be 3x16",
    ):
        assert words in str(refusal.value)
    assert "1.weight" not in str(refusal.value) and "\n" not in str(refusal.value)


def test_a_file_of_before_batches_were_counted_fits(tmp_path):
    state = network().state_dict()
    del state["1.num_batches_tracked"]
    torch.save(state, tmp_path / "weights.pth")
    assert read_weights(tmp_path / "weights.pth", network())["1.num_batches_tracked"] == 0


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
