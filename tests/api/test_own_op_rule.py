"""A rule for an op of one's own stands in the module that builds the network: no file of the package is touched."""

import torch
from torch import Tensor, nn

from edgesynth.anatomy import trace
from edgesynth.anatomy.channels import Value
from edgesynth.anatomy.rules.call import RULES, rule


@torch.library.custom_op("edgesynth_tests::shifted", mutates_args=())
def shifted(images: Tensor) -> Tensor:
    return torch.roll(images, 1, 3)


@shifted.register_fake
def _(images: Tensor) -> Tensor:
    return torch.empty_like(images)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second, self.head = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 4, 3), nn.Linear(4, 2)

    def forward(self, images):
        return self.head(self.second(torch.ops.edgesynth_tests.shifted(self.first(images))).mean((2, 3)))


def removable():
    return {group.name: group.removable for group in trace(Net().eval(), torch.zeros(1, 3, 16, 16)).groups}


def test_without_a_rule_what_reaches_the_op_is_protected_and_with_one_it_can_be_cut(monkeypatch):
    monkeypatch.delitem(RULES, "shifted", raising=False)
    assert removable() == {"first": False, "second": True, "head": False}
    monkeypatch.setitem(RULES, "shifted", None)  # put back afterwards

    @rule("shifted")
    def channels_pass(call):
        images = call.tensor("images")
        return Value(call.shape, images.atoms, images.constant)

    assert removable() == {"first": True, "second": True, "head": False}
