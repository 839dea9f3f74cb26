"""What multiplies and is no layer to be cut: filters in buffers, recurrent layers, products with a parameter first."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from edgesynth.anatomy import prove, prove_groups, remove, trace
from tests.topology.networks import build


class Blur(nn.Module):
    def __init__(self, channels):
        super().__init__()
        row = torch.tensor([1.0, 2.0, 1.0])
        self.register_buffer("filters", (row[:, None] * row / 16).repeat(channels, 1, 1, 1))

    def forward(self, x):
        return functional.conv2d(x, self.filters, stride=2, padding=1, groups=x.shape[1])


class Blurred(nn.Module):
    """Halved by a blur, as antialiased networks are."""

    def __init__(self):
        super().__init__()
        self.first, self.blur = nn.Conv2d(1, 8, 3, padding=1), Blur(8)
        self.second, self.last = nn.Conv2d(8, 6, 3), nn.Linear(6, 3)

    def forward(self, x):
        return self.last(torch.relu(self.second(self.blur(torch.relu(self.first(x))))).mean((2, 3)))


class Gabor(nn.Module):
    """Its first filters are fixed."""

    def __init__(self):
        super().__init__()
        self.register_buffer("filters", torch.randn(8, 1, 3, 3))
        self.second, self.last = nn.Conv2d(8, 6, 3), nn.Linear(6, 3)

    def forward(self, x):
        x = torch.relu(functional.conv2d(x, self.filters))
        return self.last(torch.relu(self.second(x)).mean((2, 3)))


def test_filters_of_a_blur_go_with_their_channels_and_are_no_synapses():
    torch.manual_seed(0)
    network, images = Blurred().eval(), torch.randn(2, 1, 12, 12)
    anatomy = prove_groups(network, trace(network, images), (images,))
    assert anatomy.weights() == ("first.weight", "second.weight", "last.weight")
    whole, kept = anatomy.census(), {"first": [0, 3, 5]}
    layers = {"first.weight": 8 * 9 * 144, "second.weight": 6 * 8 * 9 * 16, "last.weight": 18}
    assert whole.macs == sum(layers.values()) + 8 * 9 * 36
    assert whole.synapses == 8 * 9 + 6 * 8 * 9 + 18 and whole.params == whole.synapses + 8 + 6 + 3
    assert anatomy.census(kept).macs == 3 * 9 * 144 + 6 * 3 * 9 * 16 + 18 + 3 * 9 * 36
    assert anatomy.group("first").removable and prove(network, anatomy, kept, (images,)).ok
    assert [member.parameter for member in anatomy.group("first").writers()] == ["first.weight"]


def test_channels_that_fixed_filters_alone_write_stay_and_it_is_told():
    network, images = Gabor().eval(), torch.randn(2, 1, 12, 12)
    anatomy = trace(network, images)
    (fixed,) = [group for group in anatomy.groups if not group.writers()]
    assert not fixed.removable and fixed.reason.startswith("its filters are fixed (filters is a buffer)")
    assert [group.name for group in anatomy.removable] == ["second"]


class Left(nn.Module):
    def __init__(self):
        super().__init__()
        self.mix, self.last = nn.Parameter(torch.randn(16, 8)), nn.Linear(16, 3)
        self.first = nn.Conv1d(4, 8, 1)

    def forward(self, x):
        return self.last(self.product(self.first(x)).relu().mean(-1))

    def product(self, x):
        return self.mix @ x


class Spelt(Left):
    def product(self, x):
        return torch.einsum("oi,bil->bol", self.mix, x)


class Recurrent(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.first, self.steps = nn.Conv1d(4, 8, 1), kind(8, 16, batch_first=True)
        self.last = nn.Linear(16, 3)

    def forward(self, x):
        return self.last(self.steps(self.first(x).transpose(1, 2))[0][:, -1])


@pytest.mark.parametrize("build", [Left, Spelt, lambda: Recurrent(nn.GRU)], ids=["matmul", "einsum", "gru"])
def test_their_macs_are_those_that_torch_counts(build):
    network, images = build().eval(), torch.randn(1, 4, 12)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(images)
    anatomy = trace(network, images.repeat(3, 1, 1))
    assert anatomy.census().macs == counter.get_total_flops() // 2


def test_an_lstm_counts_each_weight_once_a_step():
    anatomy = trace(Recurrent(nn.LSTM).eval(), torch.randn(2, 4, 12))
    census = anatomy.census()
    assert census.macs == 4 * 8 * 12 + 12 * 4 * 16 * (8 + 16) + 16 * 3
    assert census.synapses == 4 * 8 + 4 * 16 * (8 + 16) + 16 * 3 and census.activation_macs == 0
    assert [layer.name for layer in census.layers] == ["first", "steps.weight_ih_l0", "steps.weight_hh_l0", "last"]
    assert [layer.clusters for layer in census.layers] == [8, 64, 64, 3]


@pytest.mark.parametrize("kind", [nn.GRU, nn.RNN])
def test_the_census_of_a_cut_recurrent_network_is_what_torch_counts_of_it(kind):
    network, images = Recurrent(kind).eval(), torch.randn(1, 4, 12)
    anatomy = prove_groups(network, trace(network, images), (images,))
    kept = {"first": [0, 1, 6], "steps": [2, 3, 5, 7, 11]}
    small = remove(network, anatomy.plan(kept))
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        small(images)
    census = anatomy.census(kept)
    assert census.macs == counter.get_total_flops() // 2
    assert census.params == sum(parameter.numel() for parameter in small.parameters())


def test_a_unit_of_an_lstm_is_a_row_of_each_gate_of_each_layer_and_direction():
    network, inputs = build("Recurrent")
    anatomy = trace(network, inputs)
    assert {member.parameter for member in anatomy.group("steps").writers()} == {
        f"steps.weight_{kind}_l{layer}{way}" for kind in ("ih", "hh") for layer in (0, 1) for way in ("", "_reverse")
    }
    small = remove(network, anatomy.plan({"steps": [1, 4], "first": [0, 2, 3]}))
    rows = [1, 4, 6, 9, 11, 14, 16, 19]
    assert (small.steps.input_size, small.steps.hidden_size) == (3, 2)
    assert torch.equal(small.steps.weight_ih_l0, network.steps.weight_ih_l0[rows][:, [0, 2, 3]])
    assert torch.equal(small.steps.weight_hh_l1_reverse, network.steps.weight_hh_l1_reverse[rows][:, [1, 4]])
    assert torch.equal(small.steps.weight_ih_l1, network.steps.weight_ih_l1[rows][:, [1, 4, 6, 9]])
    assert torch.equal(small.out.weight, network.out.weight[:, [1, 4, 6, 9]])


def test_a_constant_that_a_dead_channel_leaves_goes_into_the_bias_of_every_gate():
    network, inputs = build("Recurrent")
    small = remove(network, trace(network, inputs).plan({"first": [0, 1, 2, 3, 4]}))
    lost = 0.5 * network.steps.weight_ih_l0[:, 5:].sum(1)  # sigmoid(0)
    assert torch.allclose(small.steps.bias_ih_l0, network.steps.bias_ih_l0 + lost)


def test_cells_that_are_stepped_by_hand_state_their_sizes_anew():
    network, inputs = build("Cells")
    small = remove(network, trace(network, inputs).plan({"first": [0, 1], "long": [2, 3, 4], "plain": [1]}))
    assert [(cell.input_size, cell.hidden_size) for cell in (small.long, small.gated, small.plain)] == [
        *((2, 3), (3, 7), (7, 1))
    ]


class Keeping(nn.Module):
    """Keeps what it saw."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Conv2d(1, 8, 3), nn.Linear(8, 3)

    def forward(self, x):
        self.seen = torch.relu(self.first(x))
        return self.last(self.seen.mean((2, 3)))


def test_a_network_that_keeps_what_it_saw_can_be_proven_and_copied():
    network, images = Keeping().eval(), torch.randn(2, 1, 8, 8)
    anatomy = prove_groups(network, trace(network, images), (images,))
    assert anatomy.group("first").removable
    copy.deepcopy(network)
