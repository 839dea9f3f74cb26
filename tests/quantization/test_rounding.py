import copy

import pytest
import torch
from torch import nn

from edgesynth.errors import UserError
from edgesynth.quantization import (
    PRECISIONS,
    along_rows,
    bits,
    has_scale,
    largest_level,
    parse_layers,
    quantize,
    quantize_inputs,
    refusals,
    to_half,
)


def test_the_precisions_go_from_32_bits_to_2():
    assert [bits(precision) for precision in PRECISIONS] == [32, 16, 8, 7, 6, 5, 4, 3, 2]
    assert [largest_level(kind) for kind in PRECISIONS if has_scale(kind)] == [127, 63, 31, 15, 7, 3, 1]


def test_values_go_to_the_nearest_multiple_of_the_scale_half_to_even_and_not_beyond_the_largest():
    values = torch.tensor([0.0, 0.24, 0.25, 0.26, 0.75, 1.25, -0.26, 3.4, 3.6, 100.0, -100.0])
    expected = [0.0, 0.0, 0.0, 0.5, 1.0, 1.0, -0.5, 3.5, 3.5, 3.5, -3.5]
    assert quantize(values, torch.tensor(0.5), 7).tolist() == expected


def test_int2_has_three_values():
    values = quantize(torch.randn(1000, generator=torch.Generator().manual_seed(0)), torch.tensor(0.7), 1)
    assert values.unique().tolist() == [pytest.approx(-0.7), 0.0, pytest.approx(0.7)]


def test_every_output_channel_has_its_own_scale():
    weight, scale = torch.ones(2, 3, 1, 1), torch.tensor([0.4, 0.3])
    assert quantize(weight, along_rows(scale, weight), 7)[:, 0, 0, 0].tolist() == [
        pytest.approx(0.8),
        pytest.approx(0.9),
    ]


@pytest.mark.parametrize("most", [1, 7, 127])
def test_what_is_quantized_is_exactly_a_whole_multiple_and_quantizes_to_itself(most):
    draws = torch.Generator().manual_seed(most)
    weight, scale = torch.randn(8, 500, generator=draws), torch.rand(8, 1, generator=draws) / most + 1e-3
    rounded = quantize(weight, scale, most)
    levels = (rounded / scale).round()
    assert torch.equal(levels * scale, rounded) and levels.abs().max() == most
    assert torch.equal(quantize(rounded, scale, most), rounded)


def test_gradients_are_those_of_learned_step_size_quantization():
    """Eq. 3 and 5 of LSQ, with s = 0.5 and 7 levels: round(v) - v within, 7 and -7 beyond."""
    values = torch.tensor([0.6, -0.1, 10.0, -9.0], requires_grad=True)
    scale = torch.tensor(0.5, requires_grad=True)
    rounded = quantize(values, scale, 7)
    parts = [torch.autograd.grad(value, scale, retain_graph=True)[0].item() for value in rounded]
    assert parts == pytest.approx([1 - 1.2, 0 + 0.2, 7, -7])
    rounded.sum().backward()
    assert values.grad.tolist() == [1, 1, 0, 0]


def test_half_rounds_to_eleven_bits_and_loses_what_is_too_small():
    values = torch.tensor([1 + 2**-11, 1 + 3 * 2**-11, 2.0**-24, 2.0**-25, 1e5], requires_grad=True)
    halves = to_half(values)
    assert halves.tolist() == [1.0, 1 + 2**-9, 2.0**-24, 0.0, float("inf")]
    halves[:4].sum().backward()
    assert values.grad.tolist() == [1, 1, 1, 1, 0]


def test_a_list_of_layers_is_read():
    assert parse_layers("conv1=int8, block.0.fc=fp32") == {"conv1": "int8", "block.0.fc": "fp32"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("conv1", "has 'conv1'; it must be a list such as conv1=int8,fc1=int4"),
        ("conv1=int1", "has 'conv1=int1'; .* one of fp32, fp16, int8, .*int2"),
        ("conv1=int8,", "has ''"),
        ("conv1=int8,conv1=int4", "names 'conv1' twice"),
    ],
)
def test_what_is_not_a_list_of_layers_is_refused(text, message):
    with pytest.raises(UserError, match=message):
        parse_layers(text)


class Odd(nn.Module):
    """A layer that is called, a transposed one, one whose weight alone is used, and a bare weight."""

    def __init__(self):
        super().__init__()
        self.conv, self.up = nn.Conv2d(1, 2, 3), nn.ConvTranspose2d(2, 2, 2)
        self.lent = nn.Linear(2, 3)
        self.bare = nn.Parameter(torch.ones(3, 3))

    def forward(self, images):
        features = self.up(self.conv(images)).mean((2, 3))
        return torch.nn.functional.linear(features, self.lent.weight) @ self.bare


def test_layers_that_cannot_be_had_at_a_precision_say_why_and_the_network_is_as_before():
    network = Odd().train()
    network.conv.eval()
    weights = ["conv.weight", "up.weight", "lent.weight", "bare"]
    refused = refusals(network, weights, torch.zeros(1, 1, 8, 8), ["fp32", "fp16", "int8"])
    assert set(refused) == {
        ("up.weight", "int8"),
        ("lent.weight", "fp16"),
        ("lent.weight", "int8"),
        ("bare", "fp16"),
        ("bare", "int8"),
    }
    assert "transposed" in refused["up.weight", "int8"] and "without calling it" in refused["lent.weight", "int8"]
    assert network.up.training and not network.conv.training and not network.up._forward_pre_hooks


def test_a_network_on_the_device_rounds_the_inputs_of_its_layers_and_nothing_else():
    network = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 1, bias=False))
    with torch.no_grad():
        network[0].weight.copy_(torch.eye(2))
        network[1].weight.copy_(torch.tensor([[1.0, 1.0]]))
    names, kinds = list(network.state_dict()), [type(module) for module in network.modules()]
    device = quantize_inputs(
        copy.deepcopy(network),
        {"0.weight": "int4", "1.weight": "int2"},
        {"0.input_scale": torch.tensor(0.25), "1.input_scale": torch.tensor(1.5)},
    )
    # 0.4 -> 0.5 -> 0; 9 -> 7 * 0.25 = 1.75 -> 1.5
    assert device(torch.tensor([[0.4, 9.0]])).item() == 1.5
    assert device[0](input=torch.tensor([[0.4, 9.0]])).tolist() == [[0.5, 1.75]]
    assert list(device.state_dict()) == names and [type(module) for module in device.modules()] == kinds
