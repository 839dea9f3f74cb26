"""Which parameters silence a branch."""

import pytest
import torch
from torch import nn

from edgesynth.anatomy import trace
from tests.anatomy.branches.middles.parts import Net
from tests.anatomy.branches.networks import images, shaken, traced


@pytest.mark.parametrize(
    ("name", "ends"),
    [
        ("ReZero", ("middle.0.alpha",)),
        ("subtracted", ("middle.0.layer.0.weight", "middle.0.layer.1.weight", "middle.0.layer.1.bias")),
        ("attention spelt out", ("middle.0.bias", "middle.0.out.weight")),
        ("bare parameters", ("middle.0.weight", "middle.0.bias")),
    ],
)
def test_a_branch_is_silent_where_its_last_layer_and_what_follows_it_are_zero(name, ends):
    (branch,) = traced(name)[1].branches
    assert {*branch.ends} >= {*ends} and set(branch.ends) <= {*branch.parameters}


class After(nn.Module):
    """x + operation(conv(x), x)"""

    def __init__(self, operation):
        super().__init__()
        self.conv, self.operation = nn.Conv2d(4, 4, 1), operation

    def forward(self, x):
        return x + self.operation(self.conv(x), x)


@pytest.mark.parametrize(
    ("operation", "silent"),
    [
        (lambda y, x: torch.relu(y), True),
        (lambda y, x: nn.functional.gelu(y) * x, True),
        (lambda y, x: y / (1 + x * x), True),
        (lambda y, x: torch.where(x > 0, y, y * 2), True),
        (lambda y, x: torch.cos(y), False),
        (lambda y, x: torch.minimum(y, x), False),
        (lambda y, x: torch.maximum(y, x), False),
        (lambda y, x: torch.where(x > 0, y, x), False),
        (lambda y, x: y.masked_fill(x > 0, 1.0), False),
        (lambda y, x: y + 1, False),
        (lambda y, x: y.softmax(1), False),
    ],
)
def test_what_is_not_zero_for_some_input_is_not_silent(operation, silent):
    torch.manual_seed(0)
    (branch,) = trace(shaken(Net(After(operation))), images()).branches
    assert branch.removable == silent


def test_a_value_that_is_read_twice_again_and_again_is_looked_at_once():
    def diamonds(y, x):
        for _ in range(40):
            y = y + torch.tanh(y)
        return y

    torch.manual_seed(0)
    (*_, branch) = trace(shaken(Net(After(diamonds))), images()).branches
    assert branch.removable
