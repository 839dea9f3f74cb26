"""Rebuild an individual's network from its run directory: the ancestor's class, the genome, the weights."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from edgesynth.anatomy import Anatomy, Prover, RemovalPlan, choose_layout, in_layout, mask, remove, trace
from edgesynth.anatomy.tracing.export import evaluating
from edgesynth.ancestors import build_ancestor, check_size, in_float32
from edgesynth.boards.probed.grid import Beside
from edgesynth.errors import UserError
from edgesynth.importing import quoted
from edgesynth.lineage.individual.genome import Genome
from edgesynth.lineage.individual.individual import Individual
from edgesynth.lineage.network.batch_sizes import check_batches
from edgesynth.lineage.seeds import generator
from edgesynth.planning.cost import Layer
from edgesynth.planning.cost.times import GridTimes
from edgesynth.quantization import quantize_inputs
from edgesynth.tasks import Task


@dataclass(frozen=True)
class Species:
    """What all individuals of a run share.

    Attributes:
        model: the ancestor's untrained network.
        anatomy: its anatomy, every removable group proven.
        input_shape: (C, H, W) of one input.
        other_kernels: those of its ONNX that no weight accounts for, such as pooling; empty where no board is
            predicted.
        times: those of this machine's layers at any width; None where it is not aimed at.
        beside: what of its ONNX lies beside its layers, as these times know it.
        note: what is to be reported of the network; empty if nothing.
        prover: proves further cuts of it; None where they are taken on trust.
    """

    model: nn.Module
    anatomy: Anatomy
    input_shape: tuple[int, int, int]
    other_kernels: tuple[Layer, ...] = ()
    note: str = ""
    times: GridTimes | None = None
    beside: tuple[Beside, ...] = ()
    prover: Prover | None = None

    def plan(self, genome: Genome) -> RemovalPlan:
        """What removal cuts for a genome."""
        return self.anatomy.plan(genome.kept)

    def removed(self, individual: Individual) -> nn.Module:
        """The individual's network, physically small, in evaluation mode and the layout that is fastest for it."""
        network = remove(self.model, self.plan(individual.genome))
        set_state(network, individual.weights)
        return in_layout(network).eval()

    def quantized(self, individual: Individual) -> nn.Module:
        """The same network as a device would run it: the inputs of its layers are rounded to their precision too."""
        return self.on_device(self.removed(individual), individual.genome, individual.scales)

    def on_device(self, network: nn.Module, genome: Genome, scales: dict[str, Tensor]) -> nn.Module:
        """A copy of a network whose weights are rounded already, with the inputs of its layers rounded too.

        The network itself where the genome is all fp32.
        """
        if not genome.precision:
            return network
        return quantize_inputs(copy.deepcopy(network), genome.precision, scales)

    def shrunk(self, weights: dict[str, Tensor], before: Genome, after: Genome) -> nn.Module:
        """The network of one genome with the weights of another, of which it has a part.

        Args:
            weights: state of the network of `before`.
            before: the genome that the weights are of.
            after: a genome with as many or fewer clusters.
        """
        plan, whole = self.plan(before), copy.deepcopy(self.model)
        set_state(whole, {**whole.state_dict(), **{name: plan.uncut(name, own) for name, own in weights.items()}})
        return remove(whole, self.plan(after))

    def masked(self, individual: Individual) -> nn.Module:
        """The same network at the ancestor's size: dead clusters emit zero, everything is where it was."""
        plan = self.plan(individual.genome)
        # Readers of dead clusters keep the untrained weights: a constant that reached them would show in the proof.
        base = self.model.state_dict()
        # Where a bias has taken up what dead channels hold, their weights would add it a second time.
        base.update({fold.weight: torch.zeros_like(base[fold.weight]) for fold in plan.folds})
        # Where a length has shrunk with the norm of what is left, they would count in the norm.
        for each in plan.rescales:
            dead = sorted(
                set(range(plan.shapes[each.direction][each.read])) - set(plan.kept[each.direction][each.read])
            )
            base[each.direction] = base[each.direction].index_fill(each.read, torch.tensor(dead), 0)
        full = {**base, **{name: plan.uncut(name, own, base[name]) for name, own in individual.weights.items()}}
        network = copy.deepcopy(self.model)
        set_state(network, full)
        return mask(network, self.anatomy, individual.genome.kept).eval()


def species(ancestor: str, task: Task, seed: int, branches: bool = False) -> Species:
    """Build and trace an ancestor for a task; every removable group and branch of its anatomy has been proven.

    The weights are drawn from the run's seed.

    Args:
        ancestor: its name.
        task: what it is to learn.
        seed: the run's.
        branches: whether branches can die as a whole; else the anatomy has none.

    Raises:
        UserError: there is no such ancestor, nothing of it can be trained, it insists on another number format than
            float32, it cannot be traced with the task's inputs, or it tells too few classes.
    """
    source = generator(seed, 0, 0, "ancestor weights")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(source.initial_seed())
        model = build_ancestor(ancestor, len(task.labels))
    parameters = list(model.parameters())
    if parameters and not any(parameter.requires_grad for parameter in parameters):
        raise UserError(
            f"the ancestor {ancestor} has no parameter that can be trained: requires_grad is off for all of them; call "
            "requires_grad_(True) on the network"
        )
    note = in_float32(ancestor, model, task.input_shape)
    inputs = torch.randn((2, *task.input_shape), generator=generator(seed, 0, 0, "proof"))
    anatomy = fitting_anatomy(ancestor, model, inputs, task)
    anatomy = anatomy if branches else anatomy.without_branches()
    prover = Prover(model, (inputs,))
    anatomy = prover.groups(anatomy)
    # Once for all: every network of the run is made of copies of this one, and none of them is wider.
    kept = choose_layout(model, task.input_shape)
    return Species(kept, anatomy, task.input_shape, note=note, prover=prover)


def fitting_anatomy(ancestor: str, model: nn.Module, inputs: Tensor, task: Task) -> Anatomy:
    """The anatomy of a network that fits a task, not proven yet.

    Args:
        ancestor: its name.
        model: the network.
        inputs: (N, C, H, W), of the task's form.
        task: what it is to answer.

    Raises:
        UserError: it cannot take the task's images, or takes them in one number alone, cannot be traced with them, or
            answers in another form.
    """
    check_size(ancestor, model, task.input_shape)
    anatomy = trace(model, (inputs,))
    _check_outputs(ancestor, model, inputs, task)
    check_batches(ancestor, model, inputs, in_training=bool(anatomy.differs_in_training))
    return anatomy


def _check_outputs(ancestor: str, model: nn.Module, inputs: Tensor, task: Task) -> None:
    """What a network gives must be what the task's loss takes: one tensor, of a form that answers it."""
    with evaluating(model), torch.no_grad():
        given = model(inputs)
    _check_training(ancestor, model, inputs, given)
    if not isinstance(given, Tensor) or not task.fits(given.shape[1:]):
        form = tuple(given.shape) if isinstance(given, Tensor) else type(given).__name__
        wanted = ", ".join(map(str, (len(inputs), *task.answer_shape)))
        classes = f"{len(task.labels)} class{'es' if len(task.labels) > 1 else ''}"
        raise UserError(
            f"the ancestor {ancestor} gives {form} for {len(inputs)} images and the task {task.name} has "
            f"{classes}; it must give ({wanted}): let it take num_classes, or name an ancestor for such a task"
        )


def _check_training(ancestor: str, model: nn.Module, inputs: Tensor, given: object) -> None:
    """In training a network must give what it gives in evaluation, for it is trained by that."""
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        try:
            taught = copy.deepcopy(model).train()(inputs)
        except Exception as error:
            raise UserError(
                f"the ancestor {ancestor} takes images of {tuple(inputs.shape)} in evaluation and in training raised "
                f"{quoted(error)}"
            ) from error
    if isinstance(given, Tensor) and not (isinstance(taught, Tensor) and taught.shape == given.shape):
        form = tuple(taught.shape) if isinstance(taught, Tensor) else f"a value of type {type(taught).__name__}"
        raise UserError(
            f"the ancestor {ancestor} gives {tuple(given.shape)} in evaluation and {form} in training; let it give the "
            "same in both, such as its main output alone"
        )


def state(model: nn.Module) -> dict[str, Tensor]:
    """Weights and buffers of a network, detached and contiguous, ready for safetensors."""
    return {name: tensor.detach().cpu().contiguous().clone() for name, tensor in model.state_dict().items()}


def state_sha256(weights: Mapping[str, Tensor]) -> str:
    """sha256 of a network's state: names, types, shapes and bits."""
    total = hashlib.sha256()
    for name in sorted(weights):
        tensor = weights[name].detach().cpu().contiguous()
        total.update(f"{name} {tensor.dtype} {tuple(tensor.shape)} ".encode())
        total.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return total.hexdigest()


def set_state(model: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Give a network what `state` took from one of its form.

    Tensors tell no versions of modules, and some want theirs (torchvision's MNASNet): they are the network's own.
    """
    versioned = model.state_dict()
    versioned.clear()
    versioned.update(weights)
    model.load_state_dict(versioned)
