"""Wrappers of torch's around a network, or around a part of it, that no export and no removal can see through.

What they do (several GPUs, compilation, averaging) is of no use to a network that is trained anew as it is cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MethodType

from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

PARALLEL = (nn.DataParallel, nn.parallel.DistributedDataParallel, AveragedModel)
COMPILED = "_orig_mod"  # where torch.compile keeps the network
PARTS = ("module", COMPILED)  # what they put into the names of tensors
COUNT = "n_averaged"  # the only tensor that any of them adds


def inner(network: nn.Module) -> nn.Module:
    """The network within any number of wrappers; its own parts may be wrapped still."""
    while True:
        if isinstance(network, PARALLEL):
            network = network.module
        elif isinstance(compiled := network._modules.get(COMPILED), nn.Module):
            network = compiled
        else:
            return network


def unwrapped(network: nn.Module) -> nn.Module:
    """The network within its wrappers, the wrappers of its parts taken off too: in place, whatever they are within."""
    network = inner(network)
    for module in network.modules():
        vars(module).pop("_compiled_call_impl", None)  # what module.compile() calls in its place
        if written := getattr(type(module).forward, "_torchdynamo_orig_callable", None):  # under @torch.compile
            module.forward = MethodType(written, module)
        for name, part in module._modules.items():
            if part is not None:
                module._modules[name] = inner(part)
    return network


def without_wrappers(tensors: Mapping[str, Tensor], names: Iterable[str]) -> dict[str, Tensor]:
    """Tensors of a wrapped network under the names that they have in the network itself.

    Args:
        tensors: {name: tensor} of a file.
        names: of the network's own tensors; what they have in common with the wrappers' is left as it is.
    """
    names = set(names)
    stripped = {name: tensor for name, tensor in tensors.items() if name != COUNT or COUNT in names}
    for part in (*PARTS, *PARTS):  # one may be within the other
        prefix = f"{part}."
        if all(name.startswith(prefix) for name in stripped) and not any(name.startswith(prefix) for name in names):
            stripped = {name.removeprefix(prefix): tensor for name, tensor in stripped.items()}
    for part in PARTS:
        if any(part in name.split(".") for name in names):
            continue
        shorter = {
            ".".join(piece for piece in name.split(".") if piece != part): tensor for name, tensor in stripped.items()
        }
        if len(shorter) == len(stripped):
            stripped = shorter
    return stripped
