"""Calibrated environment: scale the DNA so that the expected offspring meets a budget.

The papers multiply every probability by a constant F (Deep Learning with Darwin, eq. 4). So the size of the offspring
is an accident of Z, and the strongest is only e times as likely to survive as the weakest. Here a temperature favors
the strong more, and F is solved for: the budget is the input, the factor the result.
"""

from __future__ import annotations

import torch
from torch import Tensor

BISECTIONS = 100
CERTAIN = 1e6  # logarithm of a probability that no factor brings below one


class CalibratedEnvironment:
    """P = min(1, F exp(viability / T)), with F such that the sum of all P is the expected number of survivors.

    Survivors are drawn by systematic sampling: each has its own probability P, and their number does not scatter but is
    the expected one, rounded down or up. Some may count for more than one. Then the sum is of P times the count, and of
    each kind with the same count as many survive as are expected, rounded.

    Args:
        temperature: T; towards 0 the strongest survive for certain, at 1 the DNA is the papers'.
    """

    def __init__(self, temperature: float) -> None:
        self.temperature = temperature

    def draw(
        self,
        viability: dict[str, Tensor],
        alive: dict[str, Tensor],
        expected: float,
        generator: torch.Generator,
        least: dict[str, int] | None = None,
        counts: dict[str, Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """All layers share one factor F, but for the strongest that a layer needs; see `Environment.draw`."""
        logits = [viability[name][alive[name]] / self.temperature for name in viability]
        highest = max((layer.max().item() for layer in logits if len(layer)), default=0.0)
        if highest >= CERTAIN:  # a constant in all of them is for F to make up for
            logits = [layer - highest for layer in logits]
        for layer, name in zip(logits, viability, strict=True):
            layer[_strongest(layer, (least or {}).get(name, 0), generator)] = CERTAIN
        each = None if counts is None else torch.cat([counts[name][alive[name]] for name in viability])
        probabilities = survival_probabilities(torch.cat(logits), expected, each)
        drawn = systematic_sample(probabilities, generator, each)
        survivors, start = {}, 0
        for name in viability:
            stop = start + int(alive[name].sum())
            survivors[name] = torch.zeros_like(alive[name])
            survivors[name][alive[name]] = drawn[start:stop]
            start = stop
        return survivors

    def expects(
        self,
        viability: dict[str, Tensor],
        alive: dict[str, Tensor],
        expected: float,
        counts: dict[str, Tensor] | None = None,
    ) -> float:
        """What the budget asks for, or all that can survive; see `Environment.expects`."""
        able = {name: alive[name] & torch.isfinite(log) for name, log in viability.items()}
        total = sum((mask if counts is None else counts[name][mask]).sum().item() for name, mask in able.items())
        return min(expected, total)


def survival_probabilities(logits: Tensor, expected: float, counts: Tensor | None = None) -> Tensor:
    """min(1, exp(logits + c)), with c solved by bisection so that they add up to `expected`.

    Args:
        logits: (N,); -inf for what cannot survive, `CERTAIN` for what must.
        expected: number of survivors; what exceeds the number of finite logits is out of reach and all of them survive.
        counts: (N,), above 0: what each adds to the sum; one by default.
    """
    counts = torch.ones(len(logits), dtype=torch.float64) if counts is None else counts
    finite = torch.isfinite(logits)
    if expected >= counts[finite].sum().item():
        return finite.double()
    certain = logits >= CERTAIN
    free = logits[finite & ~certain]
    if expected <= counts[certain].sum().item() or not len(free):
        return certain.double()
    low, high = -free.max().item() - 50, -free.min().item() + 1
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        if ((logits + middle).clamp_max(0).exp() * counts).sum().item() < expected:
            low = middle
        else:
            high = middle
    return (logits + high).clamp_max(0).exp()


def _strongest(logits: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Places of the `count` highest; equals in random order."""
    order = torch.randperm(len(logits), generator=generator)
    return order[logits[order].argsort(descending=True, stable=True)[:count]]


def systematic_sample(probabilities: Tensor, generator: torch.Generator, counts: Tensor | None = None) -> Tensor:
    """Draw with given probabilities and as little scatter in the number drawn as possible (Madow, 1949).

    In random order, the probabilities are laid end to end on a line. From one random start, every step of length 1
    takes what it falls on.

    Args:
        probabilities: (N,) in [0, 1].
        generator: source of the order and of the start.
        counts: (N,): kinds that lie together on the line, so that of each about as many are drawn as are expected.

    Returns:
        (N,) bool; their number is the sum of the probabilities, rounded down or up.
    """
    order = torch.randperm(len(probabilities), generator=generator)
    if counts is not None:
        order = order[counts[order].argsort(stable=True)]
    start = torch.rand((), dtype=torch.float64, generator=generator)
    steps = torch.floor(probabilities[order].double().cumsum(0) + start)
    taken = torch.zeros(len(probabilities), dtype=torch.bool)
    taken[order] = steps.diff(prepend=torch.zeros(1, dtype=torch.float64)) > 0
    return taken
