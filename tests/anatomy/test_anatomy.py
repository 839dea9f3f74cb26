import copy
import logging
import sys

import pytest
import torch
from torch import nn

from edgesynth.anatomy import RemovalPlan, prove, prove_groups, remove, trace
from edgesynth.ancestors import build_ancestor
from edgesynth.errors import UserError

INPUTS = (torch.zeros(1, 1, 28, 28),)


@pytest.fixture(scope="module")
def lenet():
    torch.manual_seed(0)
    return build_ancestor("lenet5")


@pytest.fixture(scope="module")
def anatomy(lenet):
    return trace(lenet, INPUTS)


def test_the_census_of_a_cut_network_counts_by_hand(anatomy):
    census = anatomy.census({"conv1": [0, 1, 2], "conv2": [4, 5], "fc1": range(10)})
    assert [layer.shape for layer in census.layers] == [(3, 1, 5, 5), (2, 3, 5, 5), (10, 32), (10, 10)]
    assert census.synapses == 75 + 150 + 320 + 100
    assert census.clusters == 3 + 2 + 10 + 10
    assert census.macs == 75 * 576 + 150 * 64 + 320 + 100
    assert census.params == 645 + 25
    assert census.dense_bytes == 4 * 670


def test_synapses_of_dead_clusters_do_not_count(anatomy):
    mask = torch.zeros(500, 800, dtype=torch.bool)
    mask[:20, :64] = True
    census = anatomy.census({"conv2": [0, 1], "fc1": range(10)}, {"fc1.weight": mask})
    fc1 = next(layer for layer in census.layers if layer.name == "fc1")
    assert fc1.synapses == 10 * 32 and fc1.macs == 10 * 32


def test_sparse_bytes_are_those_of_the_smaller_form(anatomy):
    whole, mask = anatomy.census(), torch.zeros(500, 800, dtype=torch.bool)
    mask[0, 0] = True
    sparse = anatomy.census(synapses={"fc1.weight": mask})
    assert whole.sparse_bytes == whole.dense_bytes == 4 * 431_080
    assert sparse.sparse_bytes == whole.dense_bytes - 4 * 400_000 + (1 * 6 + 501 * 4)


def test_macs_agree_with_torch_s_own_counter(lenet, anatomy):
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        lenet(*INPUTS)
    assert counter.get_total_flops() == 2 * anatomy.census().macs


def test_a_plan_survives_json_and_rebuilds_the_network_from_its_class(lenet, anatomy):
    plan = anatomy.plan({"conv1": [1, 7], "fc1": [3, 4, 499]})
    again = RemovalPlan.from_json(plan.to_json())
    small, fresh = remove(lenet, plan), remove(build_ancestor("lenet5"), again)
    fresh.load_state_dict(small.state_dict())
    images = torch.randn(2, 1, 28, 28)
    assert torch.equal(small(images), fresh(images))
    assert type(fresh) is type(lenet) and fresh.conv2.in_channels == 2


@pytest.mark.parametrize(("kept", "round_to", "left"), [(9, 8, 16), (8, 8, 8), (3, 4, 4), (17, 16, 20), (5, 1, 5)])
def test_widths_are_rounded_up_to_what_the_hardware_likes_or_the_whole(lenet, anatomy, kept, round_to, left):
    plan = anatomy.plan({"conv1": range(20 - kept, 20)}, round_to=round_to)
    small = remove(lenet, plan)
    assert small.conv1.out_channels == left
    assert set(range(20 - kept, 20)) <= set(plan.kept.get("conv1.weight", {0: range(20)})[0])


def test_a_width_of_less_than_one_is_refused(anatomy):
    with pytest.raises(UserError, match="round_to is 0; it must be at least 1"):
        anatomy.plan({"conv1": [0]}, round_to=0)


def test_uncut_puts_every_value_back_where_it_was(lenet, anatomy):
    plan = anatomy.plan({"conv1": [1, 7], "conv2": [0, 2, 9]})
    weight = lenet.conv2.weight.detach()
    back = plan.uncut("conv2.weight", plan.cut("conv2.weight", weight))
    assert torch.equal(back[[0, 2, 9]][:, [1, 7]], weight[[0, 2, 9]][:, [1, 7]])
    assert int((back != 0).sum()) == 3 * 2 * 25
    assert torch.equal(plan.uncut("conv2.weight", plan.cut("conv2.weight", weight), weight), weight)


def test_a_wrong_cut_is_found_by_the_proof(lenet, anatomy):
    torch.manual_seed(1)
    wrong = trace(lenet, INPUTS)
    group = wrong.group("conv1")
    reader = next(member for member in group.members if member.role == "read")
    reader.units[[0, 1]] = reader.units[[1, 0]]
    proof = prove(lenet, wrong, {"conv1": [0, 2, 3]}, (torch.randn(2, 1, 28, 28),))
    assert not proof and proof.max_rel > 1e-3


def test_outputs_that_are_all_zero_prove_nothing(anatomy):
    silent = build_ancestor("lenet5")
    torch.nn.init.zeros_(silent.fc2.weight)
    torch.nn.init.zeros_(silent.fc2.bias)
    proof = prove(silent, anatomy, {"conv1": [0]}, (torch.randn(2, 1, 28, 28),))
    assert not proof and "all outputs are zero" in proof.failure
    images = (torch.randn(2, 1, 28, 28),)
    assert len(prove_groups(silent, anatomy, images).removable) == 3 and not silent.fc2.weight.any()


class Forgetful(nn.Module):
    """All but a millionth of its output is a constant, and what is cut wrongly is in the millionth."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 8, 3)
        self.fc = nn.Linear(4, 2)

    def forward(self, x):
        return 1 + 1e-6 * self.fc(self.conv(x).mean((2, 3))[:, :4])


def test_a_wrong_cut_that_single_precision_would_call_noise_is_found():
    torch.manual_seed(0)
    inputs = (torch.randn(2, 1, 8, 8),)
    anatomy = prove_groups(Forgetful(), trace(Forgetful(), inputs), inputs)
    assert "the proof of removal failed" in next(group for group in anatomy.groups if group.name == "conv").reason


@pytest.mark.parametrize(
    ("kept", "message"),
    [
        ({"conv9": [0]}, "no cluster group 'conv9'; the groups are conv1, conv2, fc1, fc2"),
        ({"conv1": []}, "without a cluster; keep at least one of its 20"),
        ({"conv1": [0, 20]}, "clusters 0 to 19"),
        ({"conv1": [-1]}, "clusters 0 to 19"),
        ({"fc2": [0, 1]}, "fc2 cannot be cut: output of the network"),
    ],
)
def test_an_impossible_plan_is_refused_with_what_is_allowed(anatomy, kept, message):
    with pytest.raises(UserError, match=message):
        anatomy.plan(kept)


def test_a_plan_for_another_network_is_refused_and_the_model_untouched(anatomy):
    other = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(8, 2))
    before = copy.deepcopy(other.state_dict())
    with pytest.raises(UserError, match=r"another network: conv1.weight is missing in Sequential"):
        remove(other, anatomy.plan({"conv1": [0]}))
    assert all(torch.equal(tensor, before[name]) for name, tensor in other.state_dict().items())


class Branching(nn.Module):
    """Its path depends on its values."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)

    def forward(self, x):
        return self.conv(x) if x.sum() > 0 else x


def test_a_network_that_branches_on_values_is_refused_with_the_reason_and_the_line():
    model = Branching().train()
    with pytest.raises(UserError, match=r"Branching cannot be traced with inputs of shape \(1, 1, 8, 8\)") as error:
        trace(model, (torch.zeros(1, 1, 8, 8),))
    assert "test_anatomy.py" in str(error.value) and "return self.conv(x) if x.sum() > 0 else x" in str(error.value)
    assert "\n" not in str(error.value) and model.training


def test_what_torch_says_while_it_traces_is_not_heard_and_afterwards_everything_is(capfd):
    with pytest.raises(UserError):
        trace(Branching(), (torch.zeros(1, 1, 8, 8),))
    assert capfd.readouterr() == ("", "")
    print("heard", file=sys.stderr)
    assert capfd.readouterr().err == "heard\n" and logging.root.manager.disable == logging.NOTSET


def test_inputs_of_a_wrong_shape_are_refused(lenet):
    with pytest.raises(UserError, match=r"LeNet5 cannot be traced with inputs of shape \(1, 3, 28, 28\)"):
        trace(lenet, (torch.zeros(1, 3, 28, 28),))


@pytest.mark.parametrize("inputs", [None, "1x1x28x28", ("1x1x28x28",), {"x": torch.zeros(1, 1, 28, 28)}])
def test_inputs_that_are_not_tensors_are_refused(lenet, inputs):
    with pytest.raises(UserError, match="give one tensor for each argument"):
        trace(lenet, inputs)


def test_the_input_of_a_network_with_one_argument_may_come_alone(lenet):
    alone, in_a_tuple = trace(lenet, torch.zeros(1, 1, 28, 28)), trace(lenet, (torch.zeros(1, 1, 28, 28),))
    assert [group.name for group in alone.removable] == [group.name for group in in_a_tuple.removable] != []


class Attention(nn.Module):
    """Two heads of width 4, by torch's own module."""

    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x):
        return self.attention(x, x, x, need_weights=False)[0]


@pytest.mark.parametrize("batch", [1, 3])
def test_products_of_activations_count_for_one_input(batch):
    anatomy = trace(Attention(), torch.randn(batch, 6, 8))
    census = anatomy.census()
    assert census.activation_macs == 2 * 6 * 6 * 8
    assert census.macs == 6 * (3 * 8 * 8 + 8 * 8) + census.activation_macs
    assert "fewer heads" in " ".join(group.reason for group in anatomy.groups)


class Heads(nn.Module):
    """Hand-written attention: three heads of width 2 over the positions of an image."""

    def __init__(self):
        super().__init__()
        self.heads = 3
        self.query, self.key, self.value = (nn.Conv2d(4, 6, 1) for _ in range(3))
        self.out = nn.Conv2d(6, 2, 1)

    def forward(self, x):
        n, _, h, w = x.shape
        query, key, value = (layer(x).reshape(n, self.heads, 2, h * w) for layer in (self.query, self.key, self.value))
        weights = (query.transpose(-1, -2) @ key).softmax(-1)
        return self.out((value @ weights.transpose(-1, -2)).reshape(n, self.heads * 2, h, w))


def test_products_of_activations_shrink_with_the_heads_that_make_them():
    anatomy = trace(Heads(), torch.randn(2, 4, 5, 5))
    whole = anatomy.census()
    (group,) = anatomy.removable
    assert whole.activation_macs == 2 * 25 * 25 * 6
    assert anatomy.census({group.name: [0, 2]}).activation_macs == 2 * 25 * 25 * 4
