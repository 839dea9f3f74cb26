"""The cluster groups that a bundle names: with the nodes of its file that make their channels."""

from pathlib import Path

import onnx
import pytest
import torch

from edgesynth.anatomy import trace
from edgesynth.ancestors.registry import build_ancestor
from edgesynth.benchmark.bundle.bundle import open_bundle
from edgesynth.export.bundle.groups import cluster_groups
from edgesynth.export.onnx.onnx_file import to_onnx


def test_a_bundle_names_every_group_with_its_living_channels(exported, pristine_run):
    kept = pristine_run.load(exported.manifest["individual"]).genome.kept
    groups = {group.name: group for group in open_bundle(str(exported.path)).groups}
    assert set(groups) == {"conv1", "conv2", "fc1", "fc2"}
    assert {name: groups[name].clusters for name in kept} == {name: len(units) for name, units in kept.items()}
    assert (groups["conv1"].layers, groups["conv1"].removable) == ({"/conv1/Conv": "conv1"}, True)
    assert (groups["fc2"].layers, groups["fc2"].removable) == ({"/fc2/Gemm": "fc2"}, False)


@pytest.mark.parametrize("name", ["resnet20", "mobilenet-v2-cifar"])
def test_layers_whose_normalization_was_folded_are_known_by_their_path(name, tmp_path):
    network, path = build_ancestor(name).eval(), Path(tmp_path / "model.onnx")
    to_onnx(network, (3, 32, 32), path)
    anatomy = trace(network, torch.zeros(1, 3, 32, 32))
    groups = cluster_groups(anatomy, {}, network, path)
    products = {node.name for node in onnx.load(str(path)).graph.node if node.op_type in ("Conv", "Gemm")}
    nodes = [node for group in groups for node in group.layers]
    assert set(nodes) == products
    written = {writer.parameter.rpartition(".")[0] for group in anatomy.groups for writer in group.writers()}
    assert {layer for group in groups for layer in group.layers.values()} == written
    assert {group.name for group in groups} == {group.name for group in anatomy.groups}


def test_a_weight_of_another_shape_is_of_no_layer(tmp_path):
    network, path = build_ancestor("lenet5").eval(), tmp_path / "model.onnx"
    to_onnx(network, (1, 28, 28), path)
    anatomy = trace(network, torch.zeros(1, 1, 28, 28))
    network.conv2.weight = torch.nn.Parameter(torch.zeros(50, 20, 3, 3))
    assert {group.name for group in cluster_groups(anatomy, {}, network, path)} == {"conv1", "fc1", "fc2"}
