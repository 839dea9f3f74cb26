"""Which branches are found, which of them are protected, and why."""

import pytest
import torch
from torch import nn

from edgesynth.anatomy import prove_groups, trace
from edgesynth.anatomy.branches.finding import LAST, NOT_SILENT, PROJECTING
from tests.anatomy.branches.middles.attention import Transformer
from tests.anatomy.branches.middles.called import Auxiliary
from tests.anatomy.branches.middles.parts import Net, conv
from tests.anatomy.branches.middles.residual import PostActivation
from tests.anatomy.branches.networks import MIDDLES, Together, images, network, shaken, traced


@pytest.mark.parametrize("name", MIDDLES)
def test_the_branches_that_may_go_and_those_that_may_not_are_told_apart(name):
    anatomy = traced(name)[1]
    removable = len(anatomy.removable_branches)
    assert (removable, len(anatomy.branches) - removable) == MIDDLES[name][1:]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("sigmoid", NOT_SILENT),
        ("shared bias", NOT_SILENT),
        ("minimum", NOT_SILENT),
        ("where", NOT_SILENT),
        ("projection", PROJECTING),
        ("parallel", LAST),
        ("dense", LAST),
    ],
)
def test_a_branch_that_must_stay_says_why(name, reason):
    assert {branch.reason for branch in traced(name)[1].branches if not branch.removable} == {reason}


def test_no_branch_that_is_found_breaks_the_proof():
    names = (
        *("written into", "stream written", "joined, stream read again", "two inputs, two outputs", "transformer"),
        *("nested", "parallel", "tied", "bare parameters", "encoder of torch"),
    )
    model = Together([network(name) for name in names])
    traced = trace(model, images())
    proven = prove_groups(model, traced, (images(),))
    assert [branch.reason for branch in proven.branches] == [branch.reason for branch in traced.branches]
    assert len(proven.removable_branches) == sum(MIDDLES[name][1] for name in names)


def test_a_branch_that_only_training_reads_elsewhere_is_protected_by_the_proof():
    torch.manual_seed(0)
    model = shaken(Auxiliary())
    traced = trace(model, images())
    (branch,) = prove_groups(model, traced, (images(),)).branches
    assert traced.removable_branches and not branch.removable
    assert branch.reason.startswith("the proof of removal failed: in training, ")


def test_a_branch_has_the_name_of_its_module_and_several_in_one_those_of_their_layers():
    torch.manual_seed(0)
    model = shaken(Net(PostActivation(), Transformer()))
    names = [branch.name for branch in trace(model, images()).branches]
    assert names == ["middle.0/branch", "middle.1.attention.out_proj/branch", "middle.1.down/branch"]


def test_a_dense_layer_joins_its_cluster_group_and_an_added_branch_none():
    dense = [branch for branch in traced("dense")[1].branches if branch.removable]
    assert [branch.joined for branch in dense] == ["middle.0.f.0", "middle.0.g.0"]
    assert [branch.joined for branch in traced("nested")[1].branches] == ["", ""]


def test_the_groups_within_a_branch_are_told_and_those_through_which_all_of_it_goes():
    (branch,) = traced("pre-activation")[1].branches
    assert (branch.inner, branch.cutting) == (("middle.0.conv1",), ("middle.0.conv1",))
    (gated,) = traced("squeeze and excitation")[1].branches
    assert "middle.0.squeeze" in gated.inner and "middle.0.squeeze" not in gated.cutting


class OfTwoFormats(nn.Module):
    """The sum is of the branch's number format: without it, it would be of the stream's."""

    def __init__(self):
        super().__init__()
        self.conv = conv()

    def forward(self, x):
        return x.float() + self.conv(x)


def test_what_is_added_in_another_number_format_is_no_branch():
    torch.manual_seed(0)
    assert trace(shaken(OfTwoFormats()), images()).branches == ()
