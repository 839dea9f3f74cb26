"""How the search for branches reads a graph."""

import pytest
import torch
from torch import nn

from edgesynth.anatomy import trace
from tests.anatomy.branches.networks import images, traced


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("pre-activation", False),
        ("two in a row", False),
        ("added into", False),
        ("stream read again", True),
        ("stream written", True),
        ("joined, stream read again", True),
        ("post-activation, stream of any sign", True),
    ],
)
def test_a_sum_or_stream_that_is_written_to_afterwards_is_known(name, written):
    branches = traced(name)[1].removable_branches
    assert any(branch.written for branch in branches) == written


class WithDropout(nn.Module):
    """A block whose sum is dropped out."""

    def __init__(self, share):
        super().__init__()
        self.block = nn.Module()
        self.block.conv, self.block.drop = nn.Conv2d(4, 4, 1), nn.Dropout(share)
        self.block.forward = lambda x: self.block.drop(x + self.block.conv(x))
        self.head = nn.Conv2d(4, 2, 1)

    def forward(self, x):
        return self.head(self.block(torch.tanh(x)))


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_a_block_that_drops_out_its_sum_is_not_its_input(share):
    anatomy = trace(WithDropout(share).double().eval(), images())
    (branch,) = anatomy.branches
    skipped = anatomy.plan({branch.name: []}).stand_ins.skipped
    assert skipped == (("block",) if share == 0 else ())
