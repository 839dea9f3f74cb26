"""`--weights torchvision`: a stand-in plays the network's other end, and everything after it is torchvision's own."""

import pickle
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from torch import nn

from edgesynth.ancestors import ANCESTORS, build_ancestor, read_weights
from edgesynth.errors import UserError
from edgesynth.optional import torchvision

ASKED = Path("torchvision")


@pytest.fixture
def server(monkeypatch, tmp_path):
    """What lies at the other end: {start of a file's name: how it is written}; all else cannot be reached."""
    files = {}

    def download(url, target, hash_prefix=None, progress=True):
        name = url.rpartition("/")[2]
        written = [write for start, write in files.items() if name.startswith(f"{start}-")]
        assert hash_prefix and name.endswith(f"-{hash_prefix}.pth"), "the checksum in the name is not looked at"
        if not written:
            raise URLError(OSError(-2, "Name or service not known"))
        written[0](target)

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    return files


def trained(name):
    """The state of torchvision's own network; of VGG, whose head is large, without it."""
    models = torchvision().models
    if name == "vgg16_bn":
        layers = models.vgg.make_layers(models.vgg.cfgs["D"], batch_norm=True)
        return nn.ModuleDict({"features": layers}).state_dict()
    return models.get_model(name, weights=None, **({"weights_backbone": None} if "lraspp" in name else {})).state_dict()


@pytest.mark.parametrize(
    ("ancestor", "theirs"),
    [
        ("squeezenet1_1", "squeezenet1_1"),
        ("torchvision.models:resnet18", "resnet18"),
        ("torchvision.models.segmentation:lraspp_mobilenet_v3_large", "lraspp_mobilenet_v3_large"),
        *((ancestor, known.torchvision) for ancestor, known in ANCESTORS.items() if known.torchvision),
    ],
)
def test_torchvision_s_weights_are_downloaded_and_all_but_the_head_is_taken_over(server, ancestor, theirs):
    state = trained(theirs)
    server[theirs] = lambda target: torch.save(state, target)
    weights = read_weights(ASKED, build_ancestor(ancestor, 3), ancestor)
    kept = {tensor.sum().item() for name, tensor in weights.state.items() if name not in weights.untrained}
    # The first convolution of each, whatever its name.
    assert state[next(iter(state))].sum().item() in kept
    assert weights.note.startswith("torchvision's ") and "_Weights." in weights.note and "untrained" in weights.note


def test_what_was_downloaded_once_is_read_again_without_a_network(server):
    state = trained("squeezenet1_1")
    server["squeezenet1_1"] = lambda target: torch.save(state, target)
    first = read_weights(ASKED, build_ancestor("squeezenet1_1"), "squeezenet1_1").state
    server.clear()
    again = read_weights(ASKED, build_ancestor("squeezenet1_1"), "squeezenet1_1")
    assert all(torch.equal(again.state[name], tensor) for name, tensor in first.items()) and not again.untrained


def test_a_download_that_fails_is_one_line_that_offers_a_file(server, capfd):
    with pytest.raises(UserError) as refusal:
        read_weights(ASKED, build_ancestor("resnet18"), "resnet18")
    assert str(refusal.value).startswith("--weights torchvision: https://download.pytorch.org/models/resnet18-")
    assert "Name or service not known" in str(refusal.value) and "give --weights FILE" in str(refusal.value)
    assert "\n" not in str(refusal.value) and capfd.readouterr().out == ""


class Trap:
    def __reduce__(self):
        return (exec, ("raise SystemExit('code of the file ran')",))


@pytest.mark.parametrize(
    "write",
    [
        lambda target: torch.save({"layer": Trap()}, target),
        lambda target: Path(target).write_bytes(pickle.dumps(Trap())),
        lambda target: Path(target).write_bytes(b""),
        lambda target: Path(target).write_bytes(b"<html>sign in first</html>"),
    ],
)
def test_nothing_but_tensors_is_read_from_a_download(server, write):
    server["resnet18"] = write
    with pytest.raises(UserError, match=r"resnet18-.*cannot be downloaded and read"):
        read_weights(ASKED, build_ancestor("resnet18"), "resnet18")


def test_a_file_that_is_called_torchvision_goes_before(server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    state = build_ancestor("lenet5").state_dict()
    torch.save(state, ASKED)
    loaded = read_weights(ASKED, build_ancestor("lenet5"), "lenet5").state
    assert torch.equal(loaded["fc1.weight"], state["fc1.weight"])


@pytest.mark.parametrize("ancestor", ["lenet5", "resnet20", "torchvision.ops:MLP", "mynetworks:resnet18"])
def test_an_ancestor_that_torchvision_never_trained_is_refused_with_those_that_it_has(server, ancestor):
    with pytest.raises(UserError, match=f"no weights for the ancestor {ancestor}; .*refinenet-resnet34.*FILE") as told:
        read_weights(ASKED, nn.Linear(2, 2), ancestor)
    assert "\n" not in str(told.value)
