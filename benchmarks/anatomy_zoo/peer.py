"""One network of the zoo through Torch-Pruning, by its documented interface and with its own examples' exclusions.

Its pruner promises a smaller network that runs, not one that equals a masked network; whether it does is looked up all
the same, since that is what a user believes who prunes channels that carry nothing.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.anatomy_zoo.networks import build, example
from benchmarks.anatomy_zoo.ours import Clock, flop_macs
from edgesynth.anatomy.proof.proof import TOLERANCE


def seconds(name: str, output_layers: list[str], clock: Clock) -> dict[str, float]:
    """Seconds to build the pruner of a network and to prune half, after a warm-up on two layers."""
    import torch_pruning as tp

    model, images = build(name), example(name)
    small = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3))
    tp.DependencyGraph().build_dependency(small, torch.zeros(1, 3, 8, 8))
    start = clock()
    pruner = pruner_of(model, images, output_layers)
    built = clock()
    pruner.step()
    return {"graph_s": built - start, "prune_s": clock() - built}


def measure(name: str, output_layers: list[str], weights: dict[str, list[float]]) -> dict[str, Any]:
    """Figures of a network.

    Args:
        name: the network.
        output_layers: names of the layers whose channels the network puts out: ignored, as its manual asks.
        weights: {weight: [any, output channels]} of the layers that count.
    """
    model: Any = build(name)
    images = example(name)
    original = copy.deepcopy(model)
    pruner = pruner_of(model, images, output_layers)
    names = {module: layer for layer, module in model.named_modules()}
    prunable = reach(pruner, names)
    row: dict[str, Any] = {}

    cut = Cuts(model)
    for group in pruner.step(interactive=True):
        cut.record(pruner, group, names)
        group.prune()
    if is_vit(model):
        model.hidden_dim = model.conv_proj.out_channels

    channels = {}
    for weight, (_, clusters) in weights.items():
        layer = weight.rpartition(".")[0]
        owner = layer if layer in prunable else layer.removesuffix(".out_proj")
        share = prunable[owner][0] / prunable[owner][1] if owner in prunable and cut.dead(owner) else 0.0
        channels[weight] = [share * clusters, clusters]
    row["channels"] = channels
    row["removable_share"] = sum(part for part, _ in channels.values()) / sum(whole for _, whole in channels.values())
    row["params_after"] = sum(parameter.numel() for parameter in model.parameters())
    try:
        row["macs_after"] = flop_macs(model, (images,))
    except Exception as error:
        return {**row, "status": "does not run", "failure": one_line(error)}
    return {**row, **agreement(cut.masked(original), model, images)}


def pruner_of(model: Any, images: Tensor, output_layers: list[str]) -> Any:
    """Its pruner for half of every group, with the dependency graph that it builds first."""
    import torch_pruning as tp

    warnings.simplefilter("ignore")
    pieces = dict(model.named_modules())
    return tp.pruner.MagnitudePruner(
        model,
        images,
        importance=tp.importance.RandomImportance(),
        pruning_ratio=0.5,
        ignored_layers=[pieces[layer] for layer in output_layers],
        # Its examples: a ViT's width must stay a multiple of its heads, and its hidden_dim is mended by hand.
        round_to=model.encoder.layers[0].num_heads if is_vit(model) else None,
    )


def is_vit(model: nn.Module) -> bool:
    """Whether it is torchvision's vision transformer."""
    return type(model).__name__ == "VisionTransformer"


def reach(pruner: Any, names: dict[nn.Module, str]) -> dict[str, tuple[int, int]]:
    """{layer: (output channels in groups that it can prune, output channels)}."""
    graph = pruner.DG
    prunable: dict[nn.Module, set[int]] = {}
    for group in graph.get_all_groups(ignored_layers=pruner.ignored_layers, root_module_types=pruner.root_module_types):
        for dep, idxs in group:
            module = dep.target.module
            if module in names and graph.is_out_channel_pruning_fn(dep.handler):
                prunable.setdefault(module, set()).update(plain(idxs))
    return {names[module]: (len(places), graph.get_out_channels(module)) for module, places in prunable.items()}


class Cuts:
    """What the pruner took away, in the indices of the network before.

    The pruner counts in what is left at each moment: for every layer the places that are left are kept here.
    """

    def __init__(self, model: nn.Module) -> None:
        self.left: dict[str, list[int]] = {}
        self.sizes: dict[str, int] = {}
        self.dims: dict[str, int] = {}
        self.parameters = {name: tuple(parameter.shape) for name, parameter in model.named_parameters()}

    def record(self, pruner: Any, group: Any, names: dict[nn.Module, str]) -> None:
        """Note a group that is about to be pruned."""
        graph = pruner.DG
        places: dict[str, set[int]] = {}
        for dep, idxs in group:
            target = dep.target.module
            if not graph.is_out_channel_pruning_fn(dep.handler):
                continue
            known = graph._param_to_name if isinstance(target, nn.Parameter) else names
            name = known.get(target)
            if name is None:
                continue  # an operation without parameters
            if isinstance(target, nn.Parameter):
                self.dims[name] = int(dep.target.pruning_dim) % target.dim()
            size = graph.get_out_channels(target)
            if size is not None:
                self.left.setdefault(name, list(range(size)))
                self.sizes.setdefault(name, size)
                places.setdefault(name, set()).update(plain(idxs))
        for name, gone in places.items():
            self.left[name] = [place for number, place in enumerate(self.left[name]) if number not in gone]

    def dead(self, name: str) -> list[int]:
        """Places of a layer or parameter that were taken away."""
        if name not in self.left:
            return []
        return sorted(set(range(self.sizes[name])) - set(self.left[name]))

    def masked(self, model: nn.Module) -> nn.Module:
        """The network before, with what the dead channels emit set to zero; changed in place."""
        modules, tensors = dict(model.named_modules()), dict(model.named_parameters())
        with torch.no_grad():
            for name in self.left:
                dead = torch.tensor(self.dead(name), dtype=torch.long)
                if name in self.dims:
                    tensors[name].index_fill_(self.dims[name], dead, 0)
                    continue
                for parameter, dim, repeats in emitters(modules[name]):
                    size = parameter.shape[dim] // repeats
                    parameter.index_fill_(dim, torch.cat([dead + size * repeat for repeat in range(repeats)]), 0)
        return model


def emitters(module: nn.Module) -> Iterable[tuple[Tensor, int, int]]:
    """(parameter, dimension of its output channels, blocks of them side by side) of a layer."""
    emitting: list[tuple[Tensor | None, int, int]]
    if isinstance(module, nn.MultiheadAttention):
        emitting = [(module.in_proj_weight, 0, 3), (module.in_proj_bias, 0, 3)]
        emitting += [(module.out_proj.weight, 0, 1), (module.out_proj.bias, 0, 1)]
    else:
        transposed = isinstance(module, nn.modules.conv._ConvTransposeNd)
        emitting = [(getattr(module, "weight", None), int(transposed), 1), (getattr(module, "bias", None), 0, 1)]
    return [(parameter, dim, repeats) for parameter, dim, repeats in emitting if parameter is not None]


def agreement(masked: nn.Module, small: nn.Module, images: Tensor) -> dict[str, Any]:
    """Compare as edgesynth's proof does: fp32, and where that is not enough fp64."""
    for dtype in (torch.float32, torch.float64):
        with torch.no_grad():
            try:
                expected, got = (flat(network.to(dtype)(images.to(dtype))) for network in (masked, small))
            except Exception as error:
                return {"status": "does not run", "failure": one_line(error)}
        if expected.shape != got.shape:
            return {"status": "differs", "failure": f"output of size {len(got)} instead of {len(expected)}"}
        rel = ((expected - got).abs().max() / expected.abs().max()).item()
        if rel <= TOLERANCE[dtype]:
            break
    equal = rel <= TOLERANCE[dtype]
    return {"status": "equal" if equal else "differs", "max_rel": rel if rel == rel else None, "failure": ""}


def flat(outputs: Any) -> Tensor:
    """All outputs in a row."""
    return torch.cat([leaf.flatten() for leaf in torch.utils._pytree.tree_leaves(outputs)])


def plain(idxs: Iterable[Any]) -> list[int]:
    """Indices without the roots that Torch-Pruning keeps beside them."""
    return [int(getattr(index, "idx", index)) for index in idxs]


def one_line(error: BaseException) -> str:
    """Kind and first line of an error."""
    return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"[:200]
