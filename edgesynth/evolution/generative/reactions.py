"""Reactions of a network to the probe images, for each of its units.

Of all units at once: first-order Taylor, activation variance, weight norm. Of some random units, silenced one by one:
by how much the outputs change, and by how much the loss rises.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from edgesynth.anatomy import Anatomy, RemovalPlan, sum_over_clusters
from edgesynth.anatomy.groups import layer_name
from edgesynth.evolution.synthesis.masks import UnitValues, living
from edgesynth.lineage import Genome
from edgesynth.nurture import distillation_loss, inference_batch, outputs
from edgesynth.tasks import Split, Task

CHUNK = 256
NAT_DB = 40 / math.log(10)  # of accuracy, where it is exp(-loss)


@dataclass(frozen=True)
class Silenced:
    """One unit's ablation.

    Attributes:
        group: its cluster group.
        unit: its place in it.
        divergence: of the outputs without it from those with it, mean over the probe images; see `distillation_loss`.
        drop: rise of the loss, as the dB of U that accuracy exp(-loss) gives up.
    """

    group: str
    unit: int
    divergence: float
    drop: float


@dataclass(frozen=True)
class Reactions:
    """What a network shows when it is probed; {group: (size,) float64}, 0 where a unit is dead.

    Attributes:
        alive: {group: (size,) bool}.
        taylor: sum over readers and positions of g a, its magnitude, mean over the probe images: by how much the loss
            would change, to first order, were the unit silent.
        variance: of what the readers see of it.
        norm: sum of its clusters' squared weights.
        silenced: the ablations.
    """

    alive: UnitValues
    taylor: UnitValues
    variance: UnitValues
    norm: UnitValues
    silenced: tuple[Silenced, ...]


class Prober:
    """Probes networks of one ancestor.

    Args:
        anatomy: the ancestor's.
        task: gives the loss.
        probe_images: held-out images and labels.
    """

    def __init__(self, anatomy: Anatomy, task: Task, probe_images: Split) -> None:
        self.anatomy = anatomy
        self.task = task
        self.probe_images = probe_images

    def __call__(
        self,
        network: nn.Module,
        genome: Genome,
        silent: Callable[[Genome], nn.Module],
        count: int,
        draws: torch.Generator,
    ) -> Reactions:
        """Probe one network.

        Args:
            network: after removal.
            genome: its own.
            silent: the same network with less alive, from that genome.
            count: units to silence.
            draws: chooses them.
        """
        alive, plan = living(self.anatomy, genome), self.anatomy.plan(genome.kept)
        taylor, variance = self._at_readers(network.eval(), plan)
        squares = {
            name: plan.uncut(name, network.get_parameter(name).detach().double().square())
            for name in self.anatomy.weights()
        }
        norm = {group.name: sum_over_clusters(group, squares) for group in self.anatomy.removable}
        silenced = self._silence(network, genome, silent, _some(alive, count, draws))
        return Reactions(alive, taylor, variance, norm, silenced)

    def _at_readers(self, network: nn.Module, plan: RemovalPlan) -> tuple[UnitValues, UnitValues]:
        """Taylor and variance of every unit, over all layers that read it; means over the probe images."""
        taylor = {group.name: torch.zeros(group.size, dtype=torch.float64) for group in self.anatomy.removable}
        variance = {name: torch.zeros_like(zeros) for name, zeros in taylor.items()}
        readers, gates = self._readers(network, plan), list[tuple[nn.Module, Tensor]]()
        share = 1 / len(self.probe_images.labels)

        def gate(module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            values = inputs[0]
            channels = values.ndim - 1 if isinstance(module, nn.Linear) else 1
            shape = [size if dim in (0, channels) else 1 for dim, size in enumerate(values.shape)]
            ones = torch.ones(shape, dtype=values.dtype, device=values.device, requires_grad=True)
            gates.append((module, ones))
            spread = values.detach().double().movedim(channels, 0).flatten(1).var(dim=1, correction=0).cpu()
            for group, channel, unit in readers[module]:
                variance[group].index_add_(0, unit, share * len(values) * spread[channel])
            return (values * ones, *inputs[1:])

        handles = [module.register_forward_pre_hook(gate) for module in readers]
        try:
            probes, size = self.probe_images, inference_batch(self.probe_images.images, CHUNK)
            for images, labels in zip(probes.images.split(size), probes.labels.split(size), strict=True):
                gates.clear()
                loss = self.task.loss(network(images), labels) * len(labels)
                change = {name: zeros.new_zeros(len(labels), len(zeros)) for name, zeros in taylor.items()}
                for (module, ones), grad in zip(
                    gates, torch.autograd.grad(loss, [ones for _, ones in gates]), strict=True
                ):
                    # Layers that take an image apart (windows, patches) see several rows of each image.
                    per_image = grad.double().cpu().reshape(len(labels), -1, max(ones.shape[1:])).sum(dim=1)
                    for group, channel, unit in readers[module]:
                        change[group].index_add_(1, unit, per_image[:, channel])
                for name, total in taylor.items():
                    total += share * change[name].abs().sum(dim=0)
        finally:
            for handle in handles:
                handle.remove()
        return taylor, variance

    def _readers(self, network: nn.Module, plan: RemovalPlan) -> dict[nn.Module, list[tuple[str, Tensor, Tensor]]]:
        """{convolution or linear layer: [(group, channels that it reads of that group, the unit of each)]}."""
        readers: dict[nn.Module, list[tuple[str, Tensor, Tensor]]] = {}
        for group in self.anatomy.removable:
            for member in group.members:
                module = network.get_submodule(layer_name(member.parameter))
                if member.role == "read" and isinstance(module, (nn.Linear, nn.modules.conv._ConvNd)):
                    units = torch.from_numpy(member.units)
                    units = units[plan.kept.get(member.parameter, {}).get(member.dim, slice(None))]
                    channels = torch.nonzero(units >= 0).flatten()
                    readers.setdefault(module, []).append((group.name, channels, units[channels]))
        return readers

    def _silence(
        self, network: nn.Module, genome: Genome, silent: Callable[[Genome], nn.Module], units: list[tuple[str, int]]
    ) -> tuple[Silenced, ...]:
        answers, labels = outputs(network, self.probe_images.images), self.probe_images.targets
        loss, silenced = self.task.loss(answers, labels), []
        for group, unit in units:
            kept = {**genome.kept, group: [living for living in genome.kept[group] if living != unit]}
            without = outputs(silent(Genome(kept, genome.synapses)), self.probe_images.images)
            divergence = distillation_loss(without, answers, 1.0, self.task.teaching)
            rise = self.task.loss(without, labels) - loss
            silenced.append(Silenced(group, unit, divergence.item(), NAT_DB * rise.item()))
        return tuple(silenced)


def _some(alive: UnitValues, count: int, draws: torch.Generator) -> list[tuple[str, int]]:
    """Up to `count` units in random order, as many of each group as of any other; never the last one of a group."""
    waiting = {}
    for name, mask in alive.items():
        units = torch.nonzero(mask).flatten()
        waiting[name] = units[torch.randperm(len(units), generator=draws)].tolist() if len(units) > 1 else []
    names, chosen = list(waiting), list[tuple[str, int]]()
    while len(chosen) < count and any(waiting.values()):
        for place in torch.randperm(len(names), generator=draws).tolist():
            if waiting[names[place]] and len(chosen) < count:
                chosen.append((names[place], waiting[names[place]].pop()))
    return chosen
