"""What is known of the calls of modules."""

import torch
from torch import nn

from edgesynth.anatomy.branches.outputs import recorded_calls


class Calling(nn.Module):
    """Modules that are called with other things than one tensor."""

    def __init__(self):
        super().__init__()
        for name in ("alone", "first", "second", "beside", "tuple", "sometimes", "odd"):
            setattr(self, name, nn.Module())
        self.alone.forward = lambda x: x + 1
        self.first.forward = lambda x, small: x + small
        self.second.forward = lambda small, x: x + small
        self.beside.forward = lambda x, other: x
        self.tuple.forward = lambda x: (x,)
        self.sometimes.forward = lambda x: x[:, :2]
        self.odd.forward = lambda x: object()

    def forward(self, x):
        small = x[:, :1]
        self.first(x, small), self.second(small, x), self.beside(x, other=x * 2), self.tuple(x), self.odd(x)
        self.sometimes(x[:, :2]), self.sometimes(x)
        return self.alone(x)


def test_a_module_may_give_its_first_input_only_if_that_alone_has_the_shape_of_its_output():
    model = Calling()
    with recorded_calls(model) as calls:
        model(torch.zeros(2, 3))
    assert calls.streaming == {"alone", "first"}
    assert {*calls.structures} == {"alone", "first", "second", "beside", "tuple", "sometimes"}
    assert calls.structures["tuple"] == {"tuple": [{"shape": [2, 3], "dtype": "float32", "per_input": 1}]}


def test_no_hook_stays():
    model = Calling()
    with recorded_calls(model):
        pass
    assert not any(module._forward_hooks for module in model.modules())


def test_a_module_with_a_hook_is_not_taken_for_its_input():
    model = Calling()
    model.first.register_forward_hook(lambda module, inputs, output: None)
    with recorded_calls(model) as calls:
        model(torch.zeros(2, 3))
    assert calls.streaming == {"alone"}
