"""Stress: while it is trained, a parent's weak synapses or clusters are weakened at random (StressedNets, 1801.05387).

The paper imposes "stress signals upon synapses during training", so that a network adapts to what evolution will do to
it. Its equation could not be recovered; the rule here is ours:

    every T_s steps   m_i ~ Bernoulli(1 - C P_i(W))     those that would die in a synthesis with environment C
                      w_i <- a w_i where m_i            a falls from 1 to --stress-factor over the first 70 %
    at the end        no stress for --stress-tail of the training: what has been weakened for good stays weak, what the
                      task needs has recovered before it is encoded

P is the papers' probability for the network at that step. C is 1, the plain reading: the strongest of a layer is
never struck, a synapse at zero with probability 1 - 1/e. In expectation a weight is multiplied by
1 - (1 - a)(1 - C P): a weight decay that is harder on the weak.

T_s is a third of an epoch, and 4 steps at least. Measured with LeNet-5 and one seed, 4 epochs on 1,197 digits (a strike
every 4 steps) and 2 on 22,000 of MNIST (every 58), stress on synapses: validation 98.3 % as without, and 98.9 for 99.0;
once the weaker half of each layer's clusters was silenced, with no further training, 94.7 % for 91.0, and 97.1 for
87.9. On the digits the control came near, with 93.7 %. Strikes every 9 steps on 11,000 of MNIST cost 3.9 points of
validation, at every step of the digits 17.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from edgesynth.anatomy import ClusterGroup
from edgesynth.nurture.callbacks.callback import Callback
from edgesynth.nurture.callbacks.stress_forms import ClusterStress, EvenDecay, Form, SynapseStress

STRESSES: Mapping[str, tuple[type[Form], ...]] = {
    "synapses": (SynapseStress,),
    "clusters": (ClusterStress,),
    "both": (SynapseStress, ClusterStress),
    "decay": (EvenDecay,),
}
ANNEALED = 0.7  # share of training over which the factor falls


@dataclass(frozen=True)
class Schedule:
    """When stress strikes, and how hard.

    Attributes:
        factor: what a struck weight is multiplied by in the end; in (0, 1).
        tail: share of training without stress at its end; in [0, 1). If it is more than 30 %, the factor has reached
            its end where the tail begins.
        per_epoch: times that it strikes in an epoch at most.
        rest: steps from one strike to the next at least, in which the network can answer.
    """

    factor: float = 0.8
    tail: float = 0.15
    per_epoch: int = 3
    rest: int = 4

    def strike(self, step: int, epochs: int, steps_per_epoch: int) -> float:
        """The factor after a step (the first is 0); 1 where nothing is struck."""
        done, steps = step + 1, epochs * steps_per_epoch
        stressed = steps - round(self.tail * steps)
        every = min(max(math.ceil(steps_per_epoch / self.per_epoch), self.rest), stressed)
        if done > stressed or done % every:
            return 1.0
        return 1 - (1 - self.factor) * min(1.0, done / min(ANNEALED * steps, stressed))


class Stress(Callback):
    """Strikes a network during its training.

    Args:
        kind: one of `STRESSES`: `synapses` one by one; `clusters` by whole filters and neurons, and the scale of a
            normalization after them; `both`, one after the other; `decay`, the control that tells stress from weight
            decay: all synapses by the same factor, of the mean strength of `synapses`.
        schedule: when, and how hard.
        weights: names of the weights of convolution and linear layers.
        groups: cluster groups in the network's own index space; see `living_groups`.
        generator: source of every draw.
    """

    def __init__(
        self,
        kind: str,
        schedule: Schedule,
        weights: Sequence[str],
        groups: Sequence[ClusterGroup],
        generator: torch.Generator,
    ) -> None:
        self.forms = [form(weights, groups, generator) for form in STRESSES[kind]]
        self.schedule = schedule
        self.struck = 0

    def begin(self, network: nn.Module, epochs: int, steps_per_epoch: int) -> None:
        """Take note of the network and of the length of its training."""
        self._network, self._length = network, (epochs, steps_per_epoch)

    @torch.no_grad()
    def after_step(self, step: int) -> None:
        """Strike, if it is time."""
        factor = self.schedule.strike(step, *self._length)
        if factor < 1:
            self.struck += 1
            for form in self.forms:
                form.strike(self._network, factor)

    def facts(self) -> dict[str, Any]:
        """How often it struck."""
        return {"strikes": self.struck}
