import pytest
import torch
from torch import nn

from edgesynth.errors import UserError
from edgesynth.nurture.memory import training_memory


def test_weights_count_five_times_and_activations_are_what_backward_needs():
    network = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 64, 2))
    memory = training_memory(network, (3, 8, 8), 10)
    assert memory.weights == 5 * 4 * (3 * 4 * 9 + 4 * 64 * 2 + 2)
    # The convolution keeps its input, 3x8x8; the rectifier its output, 4x8x8, which the linear layer keeps too.
    assert memory.activations == 10 * 4 * (3 * 64 + 4 * 64)


def test_the_network_is_not_changed_and_no_random_number_is_drawn():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout()).eval()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    training_memory(network, (3, 8, 8), 4)
    assert torch.equal(torch.rand(1), expected) and not network.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_a_pass_that_fails_in_training_is_a_line_and_no_traceback():
    network = nn.Sequential(nn.Flatten(), nn.Linear(9, 2))
    with pytest.raises(UserError, match=r"^Sequential cannot be trained with inputs of shape \(2, 3, 8, 8\): Runtime"):
        training_memory(network, (3, 8, 8), 4)
