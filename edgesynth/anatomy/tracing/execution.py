"""How a network is run to be traced and compared: what it calls, in evaluation or in training, without chance.

In training a network may do other things than in evaluation: run an auxiliary head, or skip a layer. That is what has
to be traced and compared. Torch's own modules also do other things in training: Dropout draws noise, BatchNorm takes
the statistics of the batch. A cut does not change those, but chance and conditioning would hide that (in a batch of
two, an error of 1e-16 may grow beyond every tolerance). So these modules stay as in evaluation here, and what a forward
draws itself is replaced by its mean.
"""

from __future__ import annotations

import inspect
import linecache
import os
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakIdKeyDictionary

from edgesynth.anatomy.tracing.export import NOT_THEIRS
from edgesynth.anatomy.tracing.named_tensors import named_tensors

# Packages whose modules do nothing else in training that a cut could break.
UNCHANGED_IN_TRAINING = ("torch.nn.", "torchvision.ops.")
MEANS: dict[str, Callable[..., float]] = {
    "normal_": lambda mean=0.0, std=1.0: mean,
    "uniform_": lambda low=0.0, high=1.0: (low + high) / 2,
    "bernoulli_": lambda p=0.5: p,
    "exponential_": lambda lambd=1.0: 1 / lambd,
}
FILLED = {"rand": 0.5, "rand_like": 0.5, "randn": 0.0, "randn_like": 0.0}
Place = tuple[str, int]


@dataclass
class Execution:
    """One pass through a network.

    Attributes:
        outputs: the tensors that it gave.
        calls: (function, what it was given) of every call that made a tensor. A tensor is named by the parameter that
            it is or by the number of the call that made it; sizes are left out. Two passes of the same calls compute
            the same, but for sizes.
        shapes: of the tensors that each call made.
        places: file and line of the network's own code where each call was made.
    """

    outputs: list[Tensor] = field(default_factory=list)
    calls: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)
    shapes: list[tuple[tuple[int, ...], ...]] = field(default_factory=list)
    places: list[Place | None] = field(default_factory=list)

    @property
    def kinds(self) -> list[tuple[str, tuple[Any, ...]]]:
        """The calls without flags, such as `training=True`, by which one mode differs from the other."""
        return [(name, tuple(item for item in given if not isinstance(item, bool))) for name, given in self.calls]

    def departs(self, other: Execution) -> str:
        """Where this pass first calls something else than another one, such as `at nets.py:7: return x + y`."""
        pairs = enumerate(zip(self.kinds, other.kinds, strict=False))
        first = next((index for index, (call, known) in pairs if call != known), -1)
        return line_of(self.places[first]) if self.kinds != other.kinds and self.places else ""

    def forget(self) -> None:
        """Keep the calls alone."""
        self.outputs, self.shapes, self.places = [], [], []


def execute(
    model: nn.Module,
    inputs: tuple[Tensor, ...],
    training: bool = False,
    keep_graph: bool = False,
    execution: Execution | None = None,
) -> Execution:
    """Run a network and write down what it calls.

    Args:
        model: its parameters stay as they are; buffers may change in training.
        inputs: what its forward takes.
        training: see `in_mode`.
        keep_graph: whether gradients of the outputs will be asked for.
        execution: an empty one to write to, which tells of a pass that failed how far it came.

    Raises:
        Exception: whatever its forward raises.
    """
    execution = execution or Execution()
    with _seeded(), torch.set_grad_enabled(keep_graph), in_mode(model, training), _Recorder(model, inputs, execution):
        outputs = model(*inputs)
    execution.outputs = [leaf for leaf in tree_leaves(outputs) if isinstance(leaf, Tensor)]
    return execution


@contextmanager
def in_mode(model: nn.Module, training: bool) -> Iterator[None]:
    """Evaluation or training, without chance, for a while; each module's own mode comes back afterwards."""
    modes = [(module, module.training) for module in model.modules()]
    for module, _ in modes:
        module.training = training and not _acts_as_in_evaluation(module)
    try:
        with _Mean():
            yield
    finally:
        for module, mode in modes:
            module.training = mode


@contextmanager
def _seeded() -> Iterator[None]:
    """The same draws each time, for what is drawn all the same; every source goes on afterwards where it was."""
    python, arrays = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            random.seed(0)
            np.random.seed(0)
            yield
    finally:
        random.setstate(python)
        np.random.set_state(arrays)


def own_place() -> Place | None:
    """File and line of the innermost frame that is neither torch's nor ours; None where there is none."""
    frame = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(NOT_THEIRS):
        frame = frame.f_back  # type: ignore[assignment]
    return None if frame is None else (frame.f_code.co_filename, frame.f_lineno)


def line_of(place: Place | None) -> str:
    """`at nets.py:7: return x + y`; empty where the place is not known."""
    return "" if place is None else f"at {os.path.basename(place[0])}:{place[1]}: {linecache.getline(*place).strip()}"


def _acts_as_in_evaluation(module: nn.Module) -> bool:
    """Whether a module is of a kind that is to stay as in evaluation."""
    known = (nn.modules.batchnorm._NormBase, nn.modules.dropout._DropoutNd)
    return isinstance(module, known) or type(module).__module__.startswith(UNCHANGED_IN_TRAINING)


class _Mean(TorchFunctionMode):
    """Within it, functions that draw give the mean of what they would draw, and flags of training are off."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Call it, or what stands for it."""
        kwargs, name = kwargs or {}, getattr(func, "__name__", "")
        if name in FILLED:
            return func(*args, **kwargs).detach().fill_(FILLED[name])
        if name in MEANS and not any(isinstance(given, Tensor) for given in [*args[1:], *kwargs.values()]):
            settings = {key: value for key, value in kwargs.items() if key != "generator"}
            return args[0].fill_(MEANS[name](*args[1:], **settings))
        if name == "bernoulli" and len(args) == 1:
            return args[0].clone()
        if "training" in (names := _parameters(func)):
            given = {**dict(zip(names, args, strict=False)), **kwargs}
            return func(**{**given, "training": name == "batch_norm" and given.get("running_mean") is None})
        return func(*args, **kwargs)


@cache
def _parameters(func: Callable[..., Any]) -> tuple[str, ...]:
    """Names of the parameters of a function that is written in Python."""
    return tuple(inspect.signature(func).parameters) if inspect.isfunction(func) else ()


class _Recorder(TorchFunctionMode):
    """Within it, every call that makes a tensor is written down."""

    def __init__(self, model: nn.Module, inputs: Sequence[Tensor], execution: Execution) -> None:
        super().__init__()
        self.execution = execution
        self.names = {id(tensor): name for name, tensor in named_tensors(model).items()}
        self.makers = WeakIdKeyDictionary()
        for number, given in enumerate(inputs):
            self.makers[given] = -1 - number

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Call it and write it down."""
        given = tuple(self._token(item) for item in tree_leaves((list(args), kwargs or {})) if _tells(item))
        result = func(*args, **(kwargs or {}))
        made = [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
        if made:
            name = getattr(func, "__name__", str(func))
            owner = getattr(func, "__self__", None)
            calls = self.execution.calls
            for tensor in made:
                self.makers[tensor] = len(calls)
            calls.append((getattr(owner, "__name__", name) if name == "__get__" else name, given))
            self.execution.shapes.append(tuple(tuple(tensor.shape) for tensor in made))
            self.execution.places.append(own_place())
        return result

    def _token(self, item: Any) -> Any:
        if not isinstance(item, Tensor):
            return item
        return self.names.get(id(item)) or self.makers.get(item)


def _tells(item: Any) -> bool:
    """Whether an argument says what is computed; whole numbers are sizes and places, which follow the widths."""
    return isinstance(item, (Tensor, bool, float, str))
