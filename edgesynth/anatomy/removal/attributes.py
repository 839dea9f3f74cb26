"""Attributes by which modules state their sizes, as removal has to change them."""

from __future__ import annotations

from torch import nn

from edgesynth.anatomy.groups import ClusterGroup, layer_name

Mended = int | tuple[int, ...]  # of an attribute that states a size, or the shape of a view
HEAD_COUNTS = ("num_heads", "heads", "n_heads", "n_head", "nhead", "num_attention_heads")
HEAD_WIDTHS = ("all_head_size", "inner_dim", "attention_dim")


def mended_attributes(
    module: nn.Module, name: str, before: tuple[int, ...], after: tuple[int, ...]
) -> dict[str, Mended]:
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
    if isinstance(module, nn.RNNBase):
        return _mended_recurrent(module, name, before, after)
    if isinstance(module, nn.RNNCellBase):
        return (
            {"hidden_size": after[1]}
            if name == "weight_hh"
            else {"input_size": after[1]}
            if name == "weight_ih"
            else {}
        )
    if isinstance(module, nn.PReLU):
        return {"num_parameters": after[0]}
    return {}


def _mended_recurrent(
    module: nn.RNNBase, name: str, before: tuple[int, ...], after: tuple[int, ...]
) -> dict[str, Mended]:
    if name == "weight_ih_l0":
        return {"input_size": after[1]}
    if name != "weight_hh_l0":
        return {}
    projected = {"proj_size": after[1]} if module.proj_size else {}
    return {"hidden_size": module.hidden_size * after[0] // before[0], **projected}


def mended_heads(model: nn.Module, group: ClusterGroup, heads: int) -> dict[str, dict[str, Mended]]:
    """Attributes by which attention states its heads: those of the module around the layers that a group's units span.

    A unit of several rows is taken for a head where that module has an integer of a usual name and of just that value.
    """
    mended: dict[str, dict[str, Mended]] = {}
    for member in group.writers():
        rows = int((member.units >= 0).sum())
        layer = layer_name(member.parameter)
        owner = layer.rpartition(".")[0]
        if rows == group.size or isinstance(model.get_submodule(layer), (nn.RNNBase, nn.RNNCellBase)):
            continue
        module, width = model.get_submodule(owner), rows // group.size
        names: dict[str, Mended] = {name: heads for name in HEAD_COUNTS if getattr(module, name, None) == group.size}
        names.update({name: heads * width for name in HEAD_WIDTHS if getattr(module, name, None) == rows})
        if names:
            mended.setdefault(owner, {}).update(names)
    return mended
