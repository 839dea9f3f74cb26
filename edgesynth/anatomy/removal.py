"""Removal: cut clusters out, so that dense tensors get smaller.

A plan is plain data: which indices of which dimension of which parameter are kept. Plan, safetensors and the user's own
class are all that is needed to rebuild a network; no module is ever pickled.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from edgesynth.anatomy.tracing import named_tensors
from edgesynth.errors import UserError


@dataclass(frozen=True)
class RemovalPlan:
    """What is kept.

    Attributes:
        shapes: {parameter: shape before removal} of every parameter that is cut.
        kept: {parameter: {dimension: indices kept, ascending}}.
        modules: {module: {attribute: value after removal}}.
    """

    shapes: dict[str, tuple[int, ...]]
    kept: dict[str, dict[int, list[int]]]
    modules: dict[str, dict[str, int]]

    def to_json(self) -> str:
        """JSON text."""
        return json.dumps({"shapes": self.shapes, "kept": self.kept, "modules": self.modules})

    @classmethod
    def from_json(cls, text: str) -> RemovalPlan:
        """The plan that `to_json` wrote."""
        data = json.loads(text)
        kept = {name: {int(dim): indices for dim, indices in dims.items()} for name, dims in data["kept"].items()}
        return cls({name: tuple(shape) for name, shape in data["shapes"].items()}, kept, data["modules"])

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
    small = copy.deepcopy(model)
    cut: dict[int, Tensor] = {}  # a tensor with two names stays one tensor
    for name in plan.kept:
        owner, _, attribute = name.rpartition(".")
        whole = tensors[name]
        if id(whole) not in cut:
            part = plan.cut(name, whole.detach()).clone()
            cut[id(whole)] = nn.Parameter(part, whole.requires_grad) if isinstance(whole, nn.Parameter) else part
        setattr(small.get_submodule(owner), attribute, cut[id(whole)])
    for owner, attributes in plan.modules.items():
        for attribute, value in attributes.items():
            setattr(small.get_submodule(owner), attribute, value)
    return small


def mended_attributes(module: nn.Module, sizes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    """Attributes of a layer that state its size, for the new shapes of its tensors."""
    weight = sizes.get("weight")
    if weight is None:
        return {}
    if isinstance(module, nn.modules.conv._ConvNd):
        depthwise = module.groups == module.in_channels == module.out_channels and module.groups > 1
        groups = weight[0] if depthwise else module.groups
        return {"out_channels": weight[0], "in_channels": weight[1] * groups, "groups": groups}
    if isinstance(module, nn.Linear):
        return {"out_features": weight[0], "in_features": weight[1]}
    if isinstance(module, nn.modules.batchnorm._NormBase):
        return {"num_features": weight[0]}
    return {}
