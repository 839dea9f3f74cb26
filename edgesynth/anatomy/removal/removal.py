"""Removal: cut clusters out, so that dense tensors get smaller.

A plan is plain data: which indices of which dimension of which parameter are kept. Plan, safetensors and the user's own
class are all that is needed to rebuild a network; no module is ever pickled.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from edgesynth.anatomy.branches.stand_ins import StandIns
from edgesynth.anatomy.channels import Fold, Rescale
from edgesynth.anatomy.removal.attributes import Mended
from edgesynth.anatomy.tracing.named_tensors import named_tensors
from edgesynth.copying import copied
from edgesynth.errors import UserError


@dataclass(frozen=True)
class RemovalPlan:
    """What is kept.

    Attributes:
        shapes: {parameter: shape before removal} of every parameter that is cut.
        kept: {parameter: {dimension: indices kept, ascending}}.
        modules: {module: {attribute: value after removal}}.
        folds: readers whose bias takes up what their dead channels hold.
        rescales: lengths of normalized weights that shrink with what is cut of their columns.
        stand_ins: what stands for branches that are gone. Of their parameters, `kept` keeps no index at all.
    """

    shapes: dict[str, tuple[int, ...]]
    kept: dict[str, dict[int, list[int]]]
    modules: dict[str, dict[str, Mended]]
    folds: tuple[Fold, ...] = ()
    rescales: tuple[Rescale, ...] = ()
    stand_ins: StandIns = field(default_factory=StandIns)

    def to_json(self) -> str:
        """JSON text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> RemovalPlan:
        """The plan that `to_json` wrote."""
        data = json.loads(text)
        kept = {name: {int(dim): indices for dim, indices in dims.items()} for name, dims in data["kept"].items()}
        shapes = {name: tuple(shape) for name, shape in data["shapes"].items()}
        modules = {
            name: {own: tuple(value) if isinstance(value, list) else value for own, value in attributes.items()}
            for name, attributes in data["modules"].items()
        }
        folds = tuple(Fold(**fold) for fold in data["folds"])
        rescales = tuple(Rescale(**each) for each in data.get("rescales", ()))
        return cls(shapes, kept, modules, folds, rescales, StandIns.from_json(data.get("stand_ins", {})))

    def cut(self, name: str, tensor: Tensor) -> Tensor:
        """The kept part of a tensor that has the shape of parameter `name` (or the tensor itself, if it is not cut)."""
        for dim, indices in self.kept.get(name, {}).items():
            tensor = tensor.index_select(dim, torch.tensor(indices, dtype=torch.long, device=tensor.device))
        return tensor

    def shape_after(self, name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
        """What `cut` leaves of a shape."""
        kept = self.kept.get(name, {})
        return tuple(len(kept.get(dim, range(size))) for dim, size in enumerate(shape))

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
            places[dim] = torch.tensor(indices, dtype=torch.long)
        full[torch.meshgrid(*places, indexing="ij")] = tensor
        return full

    def restored(self, name: str, weights: Mapping[str, Tensor]) -> Tensor:
        """`uncut` of a parameter of a network that removal has left; zeros where it is gone with a branch."""
        return self.uncut(name, weights[name]) if name in weights else torch.zeros(self.shapes[name])


def remove(model: nn.Module, plan: RemovalPlan) -> nn.Module:
    """A new module of the same class with its dead clusters cut out; the model is not changed.

    Raises:
        UserError: the plan is for another network.
    """
    tensors = named_tensors(model)
    for name, shape in plan.shapes.items():
        actual = tuple(tensors[name].shape) if name in tensors else None
        if actual != shape:
            was = f"has shape {actual}" if actual else "is missing"
            raise UserError(
                f"the plan is for another network: {name} {was} in {type(model).__name__}, the plan expects {shape}"
            )
    cut: dict[int, Any] = {}  # by identity: a tensor with two names stays one tensor
    for name in (name for name, dims in plan.kept.items() if dims and name not in plan.stand_ins.gone):
        whole = tensors[name]
        if id(whole) not in cut:
            part = plan.cut(name, whole.detach())
            cut[id(whole)] = nn.Parameter(part, whole.requires_grad) if isinstance(whole, nn.Parameter) else part
    small = copied(model, cut)  # takes the parts for copies of the whole tensors
    plan.stand_ins.put_in(small)
    for owner, attributes in plan.modules.items():
        for attribute, value in attributes.items():
            setattr(small.get_submodule(owner), attribute, value)
    for fold in plan.folds:
        with torch.no_grad():
            small.get_parameter(fold.bias).add_(plan.cut(fold.bias, _lost(plan, fold, tensors[fold.weight])))
    for magnitude, share in _shares_of_norms(plan, tensors).items():
        with torch.no_grad():
            small.get_parameter(magnitude).mul_(share)
    return small


def _shares_of_norms(plan: RemovalPlan, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """{length of a normalized weight: the share of its norm that lies in the columns kept}, of the length's shape."""
    shares: dict[str, Tensor] = {}
    for direction in dict.fromkeys(each.direction for each in plan.rescales):
        rescales = [each for each in plan.rescales if each.direction == direction]
        cut = whole = tensors[direction].detach()
        for dim, indices in plan.kept[direction].items():
            places = torch.tensor(indices, dtype=torch.long, device=cut.device)
            cut = cut.index_select(dim, places)
            if dim not in [each.read for each in rescales]:
                whole = whole.index_select(dim, places)
        dims = [dim for dim in range(cut.ndim) if dim != rescales[0].dim]
        norms = [torch.linalg.vector_norm(each, dim=dims, keepdim=rescales[0].dim >= 0) for each in (cut, whole)]
        shares[rescales[0].magnitude] = norms[0] / norms[1]
    return shares


def _lost(plan: RemovalPlan, fold: Fold, weight: Tensor) -> Tensor:
    """(out,) what a reader's dead channels gave to each of its outputs."""
    dead = torch.ones(weight.shape[fold.dim], dtype=torch.bool)
    dead[plan.kept[fold.weight][fold.dim]] = False
    columns = weight.detach().index_select(fold.dim, torch.nonzero(dead).flatten())
    return fold.constant * columns.movedim(1 - fold.dim, 0).flatten(1).sum(dim=1)
