"""Copies of networks with functions in them: the copy's functions work on the copy."""

import copy
import functools
import types
import weakref

import pytest
import torch
from torch import nn

from edgesynth.copying import copied, make_copyable


class Hooked(nn.Module):
    """A hook, an attribute, a list and a default that hold the network; a function that holds what is outside of it."""

    def __init__(self, outside=None):
        super().__init__()
        self.layer, self.kept = nn.Linear(2, 2), {}
        self.layer.register_forward_hook(lambda module, inputs, output: self.kept.__setitem__("layer", output))
        itself = weakref.ref(self)
        save = self.kept
        self.functions = [
            lambda x: self.layer(x),
            lambda x, owner=self: owner.layer(x),
            functools.partial(lambda owner, x: owner.layer(x), self),
            lambda x: itself().layer(x),
            lambda x: save.setdefault("saved", self.layer(x)),
            (lambda inner: lambda x: inner(x))(lambda x: self.layer(x)),
        ]
        self.tell = lambda x: outside.append(x)
        self.named = types.MethodType(lambda owner, x: owner.layer(x), self)

    def forward(self, x):
        return self.layer(x)


def zeroed(network):
    """Whose linear layer gives zeros, so that it shows which network a function works on."""
    for parameter in network.parameters():
        nn.init.zeros_(parameter)
    return network


@pytest.mark.parametrize("again", [False, True], ids=["a copy", "a plain copy of the copy"])
def test_every_function_of_a_copy_works_on_the_copy(again):
    network, x = Hooked(), torch.ones(1, 2)
    twin = copied(network)
    twin = zeroed(copy.deepcopy(twin) if again else twin)
    for function in [*twin.functions, twin.named]:
        assert not function(x).any()
    assert twin.kept.keys() == {"layer", "saved"} and network.kept == {}
    assert all(function(x).any() for function in network.functions)


class Listener:
    def __init__(self):
        self.heard = []

    def append(self, word):
        self.heard.append(word)


def test_what_lies_outside_of_the_network_stays_shared():
    listener = Listener()
    copied(Hooked(listener)).tell(3)
    assert listener.heard == [3]


def test_a_network_made_copyable_is_itself_and_its_plain_copies_are_their_own():
    network = Hooked()
    assert make_copyable(network) is network
    twin = copy.deepcopy(network)
    twin(torch.ones(1, 2))
    assert network.kept == {} and twin.kept.keys() == {"layer"}
    assert all(function(torch.ones(1, 2)).any() for function in network.functions)


def test_the_given_network_keeps_its_own_functions():
    network = Hooked()
    before = list(network.layer._forward_hooks.values())
    copied(network)
    assert list(network.layer._forward_hooks.values()) == before and isinstance(before[0], types.FunctionType)
