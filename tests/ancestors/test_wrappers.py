"""Networks inside wrappers of torch's, their weights, and networks in other number formats than float32."""

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from edgesynth.ancestors import build_ancestor, in_float32, plain_copy, read_weights
from edgesynth.errors import UserError


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
        self.head = nn.Linear(4, 3)

    def forward(self, images):
        return self.head(self.features(images).mean((2, 3)))


class Compiled(Net):
    @torch.compile
    def forward(self, images):
        return super().forward(images)


def in_parts():
    """As the ImageNet example of torch wraps AlexNet and VGG: the features alone."""
    network = Net()
    network.features = nn.DataParallel(network.features)
    network.head = torch.compile(network.head)
    return network


WRAPPED = {
    "DataParallel": lambda: nn.DataParallel(Net()),
    "compile": lambda: torch.compile(Net()),
    "DataParallel of compile": lambda: nn.DataParallel(torch.compile(Net())),
    "compile of DataParallel": lambda: torch.compile(nn.DataParallel(Net())),
    "average": lambda: AveragedModel(Net()),
    "parts": in_parts,
}


@pytest.fixture(params=WRAPPED)
def wrapped(request):
    torch.manual_seed(0)
    return WRAPPED[request.param]()


def test_a_wrapped_network_is_the_network_itself_and_the_wrapped_one_stays_as_it_is(wrapped):
    before = list(wrapped.state_dict())
    network = plain_copy(wrapped)
    assert type(network) is Net and list(network.state_dict()) == list(Net().state_dict())
    assert {type(part) for part in network.modules()} == {type(part) for part in Net().modules()}
    assert list(wrapped.state_dict()) == before
    own = next(iter(network.parameters()))
    assert torch.equal(own, next(iter(wrapped.parameters())))


def test_weights_of_a_wrapped_network_are_those_of_the_network(wrapped, tmp_path):
    torch.save(wrapped.state_dict(), tmp_path / "weights.pth")
    state = read_weights(tmp_path / "weights.pth", Net()).state
    assert list(state) == list(Net().state_dict())
    assert torch.equal(state["features.0.weight"], next(iter(wrapped.parameters())))


def test_a_part_of_the_network_s_own_that_is_called_module_keeps_its_name(tmp_path):
    network = nn.Sequential()
    network.add_module("stem", nn.Sequential())
    network.stem.add_module("module", nn.Linear(2, 3))
    torch.save(nn.DataParallel(network).state_dict(), tmp_path / "weights.pth")
    assert list(read_weights(tmp_path / "weights.pth", network).state) == ["stem.module.weight", "stem.module.bias"]


def test_a_callable_may_build_a_wrapped_network(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wrapping_nets.py").write_text(
        "from torch.nn import DataParallel, Linear, Sequential\n"
        "def build():\n    return DataParallel(Sequential(DataParallel(Linear(3, 4))))\n"
    )
    network = build_ancestor("wrapping_nets:build")
    assert [type(part) for part in network.modules()] == [nn.Sequential, nn.Linear]


def test_compilation_in_place_and_of_forward_is_taken_off():
    network, images = Net(), torch.zeros(1, 1, 8, 8)
    network.compile()
    assert plain_copy(network)._compiled_call_impl is None and network._compiled_call_impl is not None
    compiled = Compiled()
    copied = plain_copy(compiled)
    assert not hasattr(copied.forward, "_torchdynamo_orig_callable")
    with torch.no_grad():
        assert torch.equal(copied.eval()(images), Net.forward(copied, images))
    assert "forward" not in vars(compiled)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_weights_in_another_format_are_made_float32_with_a_word(dtype):
    network = Net().to(dtype)
    exact = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    note = in_float32("my:net", network, (1, 8, 8))
    assert note.startswith(f"my:net has weights in {str(dtype).removeprefix('torch.')}: they are made float32")
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}
    assert all(torch.equal(tensor.to(exact[name].dtype), exact[name]) for name, tensor in network.state_dict().items())
    assert in_float32("my:net", Net(), (1, 8, 8)) == ""


def test_a_forward_that_insists_on_another_format_is_refused():
    class Insisting(Net):
        def forward(self, images):
            return super().forward(images.bfloat16()).float()

    with pytest.raises(UserError, match=r"^the ancestor my:net has weights in bfloat16, .*; build it in float32 and"):
        in_float32("my:net", Insisting().bfloat16(), (1, 8, 8))
