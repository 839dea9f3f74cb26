"""Who is struck by stress, and how: the forms of one strike. A new one is a class here and a line in `STRESSES`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from edgesynth.anatomy import ClusterGroup, Member
from edgesynth.nurture.callbacks.survival_probability import cluster_probabilities, synapse_probabilities

ENVIRONMENT = 1.0  # C
NORMALIZATIONS = (nn.modules.batchnorm._NormBase, nn.GroupNorm)


class Form(ABC):
    """One way to strike.

    Args:
        weights: names of the weights of convolution and linear layers.
        groups: cluster groups in the network's own index space.
        generator: source of every draw; it lies on the CPU.
    """

    def __init__(self, weights: Sequence[str], groups: Sequence[ClusterGroup], generator: torch.Generator) -> None:
        self.weights = weights
        self.groups = groups
        self.generator = generator

    @abstractmethod
    def strike(self, network: nn.Module, factor: float) -> None:
        """Weaken parameters in place; a struck one is multiplied by the factor, in (0, 1)."""

    def _struck(self, chances: Tensor) -> Tensor:
        """Whom it strikes: m ~ Bernoulli(1 - C P), bool, of the shape and on the device of the chances."""
        drawn = torch.rand(chances.shape, generator=self.generator).to(chances.device)
        return drawn >= ENVIRONMENT * chances


class SynapseStress(Form):
    """Every synapse on its own."""

    def strike(self, network: nn.Module, factor: float) -> None:
        """Weaken the synapses that would not survive."""
        for name in self.weights:
            weight = network.get_parameter(name)
            weight.mul_(torch.where(self._struck(synapse_probabilities(weight)), factor, 1.0))


class ClusterStress(Form):
    """Every unit of every group that can be cut: the rows of all layers that write it.

    A row before a normalization is free of scale, so the scale of the normalization is struck with it. Biases are left
    alone.
    """

    def strike(self, network: nn.Module, factor: float) -> None:
        """Weaken the clusters that would not survive."""
        for group in self.groups:
            scale = torch.where(self._struck(cluster_probabilities(network, group)), factor, 1.0)
            for member in group.members:
                if member.role == "weight" or _scales(network, member):
                    _multiply(network.get_parameter(member.parameter), member, scale)


class EvenDecay(Form):
    """The control: none is chosen, all synapses shrink by factor ** (mean of 1 - C P over the living).

    So the logarithms of all factors have the sum that they have in expectation under `SynapseStress`.
    """

    def strike(self, network: nn.Module, factor: float) -> None:
        """Weaken every synapse alike."""
        weights = [network.get_parameter(name) for name in self.weights]
        living = [weight != 0 for weight in weights]
        struck = [
            (1 - ENVIRONMENT * synapse_probabilities(weight))[alive].sum()
            for weight, alive in zip(weights, living, strict=True)
        ]
        count = sum(int(alive.sum()) for alive in living)
        share = sum(layer.item() for layer in struck) / max(1, count)
        for weight in weights:
            weight.mul_(factor**share)


def _scales(network: nn.Module, member: Member) -> bool:
    """Whether a member is the scale of a normalization."""
    owner, _, own = member.parameter.rpartition(".")
    return member.role == "emit" and own == "weight" and isinstance(network.get_submodule(owner), NORMALIZATIONS)


def _multiply(parameter: Tensor, member: Member, scale: Tensor) -> None:
    """Multiply each line of a parameter by its unit's scale (size,)."""
    lines = torch.ones(parameter.shape[member.dim])
    ours = np.flatnonzero(member.units >= 0)
    lines[ours] = scale[member.units[ours]]
    shape = [1] * parameter.ndim
    shape[member.dim] = -1
    parameter.mul_(lines.to(parameter.device).reshape(shape))
