"""Cluster groups for the manifest: each with the nodes of model.onnx that make its channels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import nn

from edgesynth.anatomy import Anatomy
from edgesynth.benchmark.bundle.groups import Group, layer_of

_PRODUCTS = ("Conv", "ConvTranspose", "Gemm", "MatMul")


def cluster_groups(anatomy: Anatomy, kept: Mapping[str, list[int]], network: nn.Module, model: Path) -> list[Group]:
    """Groups of an individual that its file has layers of.

    A node is a layer's if its weight still has the layer's name, or else (a folded normalization takes it) if the
    node's own path leads there; and if the weight has the layer's shape, or that shape transposed.

    Args:
        anatomy: of the ancestor.
        kept: {group: its living units}, as `Genome.kept`.
        network: removed, with the individual's weights.
        model: its ONNX file.
    """
    import onnx

    graph = onnx.load(str(model), load_external_data=False).graph
    shapes = {item.name: tuple(item.dims) for item in graph.initializer}
    weights = {name: tuple(parameter.shape) for name, parameter in network.named_parameters() if parameter.dim() > 1}
    nodes: dict[str, str] = {}  # {weight: node}
    for node in graph.node:
        if node.op_type not in _PRODUCTS or len(node.input) < 2:
            continue
        shape = shapes.get(node.input[1], ())
        for name in (node.input[1], f"{layer_of(node.name)}.weight"):
            if weights.get(name) in (shape, shape[::-1]):
                nodes.setdefault(name, node.name)
                break
    groups = []
    for group in anatomy.groups:
        layers = {
            nodes[writer.parameter]: writer.parameter.rpartition(".")[0] or writer.parameter
            for writer in group.writers()
            if writer.parameter in nodes
        }
        if layers:
            clusters = len(kept[group.name]) if group.name in kept else group.size
            groups.append(Group(group.name, clusters, group.removable and group.size > 1, layers))
    return groups
