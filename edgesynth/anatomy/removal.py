"""Removal: cut clusters out, so that dense tensors get smaller.

A plan is plain data: which indices of which dimension of which parameter are kept. Plan, safetensors and the user's own
class are all that is needed to rebuild a network; no module is ever pickled.
"""

from __future__ import annotations

import copy
import json
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from edgesynth.anatomy.channels import Fold
from edgesynth.anatomy.groups import ClusterGroup
from edgesynth.anatomy.tracing import named_tensors
from edgesynth.errors import UserError


@dataclass(frozen=True)
class RemovalPlan:
    """What is kept.

    Attributes:
        shapes: {parameter: shape before removal} of every parameter that is cut.
        kept: {parameter: {dimension: indices kept, ascending}}.
        modules: {module: {attribute: value after removal}}.
        folds: readers whose bias takes up what their dead channels hold.
    """

    shapes: dict[str, tuple[int, ...]]
    kept: dict[str, dict[int, list[int]]]
    modules: dict[str, dict[str, int]]
    folds: tuple[Fold, ...] = ()

    def to_json(self) -> str:
        """JSON text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> RemovalPlan:
        """The plan that `to_json` wrote."""
        data = json.loads(text)
        kept = {name: {int(dim): indices for dim, indices in dims.items()} for name, dims in data["kept"].items()}
        shapes = {name: tuple(shape) for name, shape in data["shapes"].items()}
        return cls(shapes, kept, data["modules"], tuple(Fold(**fold) for fold in data["folds"]))

    def cut(self, name: str, tensor: Tensor) -> Tensor:
        """The kept part of a tensor that has the shape of parameter `name` (or the tensor itself, if it is not cut)."""
        for dim, indices in self.kept.get(name, {}).items():
            tensor = tensor.index_select(dim, torch.tensor(indices, device=tensor.device))
        return tensor

    def uncut(self, name: str, tensor: Tensor, base: Tensor | None = None) -> Tensor:
        """The inverse of `cut`: the tensor at its old place in one of the shape before removal.

        Args:
            name: the parameter's name.
            tensor: what `cut` left of it.
            base: what stands elsewhere, of the shape before removal; zeros by default.
        """
        if name not in self.kept:
            return tensor
        full = tensor.new_zeros(self.shapes[name]) if base is None else base.detach().clone()
        places = [torch.arange(size) for size in self.shapes[name]]
        for dim, indices in self.kept[name].items():
            places[dim] = torch.tensor(indices)
        full[torch.meshgrid(*places, indexing="ij")] = tensor
        return full


def remove(model: nn.Module, plan: RemovalPlan) -> nn.Module:
    """A new module of the same class with its dead clusters cut out; the model is not changed.

    Raises:
        UserError: the plan is for another network.
    """
    tensors = named_tensors(model)
    for name, shape in plan.shapes.items():
        found = tuple(tensors[name].shape) if name in tensors else None
        if found != shape:
            was = f"has shape {found}" if found else "is missing"
            raise UserError(
                f"the plan is for another network: {name} {was} in {type(model).__name__}, the plan expects {shape}"
            )
    cut: dict[int, Any] = {}  # by identity: a tensor with two names stays one tensor
    for name in (name for name, dims in plan.kept.items() if dims):
        whole = tensors[name]
        if id(whole) not in cut:
            part = plan.cut(name, whole.detach())
            cut[id(whole)] = nn.Parameter(part, whole.requires_grad) if isinstance(whole, nn.Parameter) else part
    small = copy.deepcopy(model, cut)  # takes the parts for copies of the whole tensors
    for owner, attributes in plan.modules.items():
        for attribute, value in attributes.items():
            setattr(small.get_submodule(owner), attribute, value)
    for fold in plan.folds:
        with torch.no_grad():
            small.get_parameter(fold.bias).add_(plan.cut(fold.bias, _lost(plan, fold, tensors[fold.weight])))
    return small


def _lost(plan: RemovalPlan, fold: Fold, weight: Tensor) -> Tensor:
    """(out,) what a reader's dead channels gave to each of its outputs."""
    dead = torch.ones(weight.shape[fold.dim], dtype=torch.bool)
    dead[plan.kept[fold.weight][fold.dim]] = False
    columns = weight.detach().index_select(fold.dim, torch.nonzero(dead).flatten())
    return fold.constant * columns.movedim(1 - fold.dim, 0).flatten(1).sum(dim=1)


HEAD_COUNTS = ("num_heads", "heads", "n_heads", "n_head", "nhead", "num_attention_heads")
HEAD_WIDTHS = ("all_head_size", "inner_dim", "attention_dim")


def mended_attributes(module: nn.Module, name: str, before: tuple[int, ...], after: tuple[int, ...]) -> dict[str, int]:
    """Attributes of a layer that state its size.

    Args:
        module: the layer.
        name: its own name of a parameter or buffer that is cut.
        before: the tensor's shape.
        after: its shape after removal.
    """
    if isinstance(module, nn.modules.conv._ConvNd) and name == "weight":
        groups = module.groups * after[0] // before[0] if module.groups > 1 else 1
        first, second = after[0], after[1] * groups
        out, into = (second, first) if isinstance(module, nn.modules.conv._ConvTransposeNd) else (first, second)
        return {"out_channels": out, "in_channels": into, "groups": groups}
    if isinstance(module, nn.Linear) and name == "weight":
        return {"out_features": after[0], "in_features": after[1]}
    if isinstance(module, nn.modules.batchnorm._NormBase):
        return {"num_features": after[0]}
    if isinstance(module, nn.GroupNorm):
        return {"num_channels": after[0], "num_groups": module.num_groups * after[0] // before[0]}
    if isinstance(module, nn.Embedding):
        return {"embedding_dim": after[1]}
    if isinstance(module, nn.PReLU):
        return {"num_parameters": after[0]}
    return {}


def mended_heads(model: nn.Module, group: ClusterGroup, heads: int) -> dict[str, dict[str, int]]:
    """Attributes by which attention states its heads: those of the module around the layers that a group's units span.

    A unit of several rows is taken for a head where that module has an integer of a usual name and of just that value.
    """
    mended: dict[str, dict[str, int]] = {}
    for member in group.writers():
        rows = int((member.units >= 0).sum())
        owner = member.parameter.rpartition(".")[0].rpartition(".")[0]
        if rows == group.size:
            continue
        module, width = model.get_submodule(owner), rows // group.size
        names = {name: heads for name in HEAD_COUNTS if getattr(module, name, None) == group.size}
        names.update({name: heads * width for name in HEAD_WIDTHS if getattr(module, name, None) == rows})
        if names:
            mended.setdefault(owner, {}).update(names)
    return mended
