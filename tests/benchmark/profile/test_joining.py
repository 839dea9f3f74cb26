"""What an engine calls its layers is joined with the nodes, the layers and the groups of the network."""

import pytest

from edgesynth.benchmark.bundle.groups import layer_of, read_groups
from edgesynth.benchmark.profile.joining import Joiner
from edgesynth.benchmark.profile.profile import joined

from .networks import GROUPS, write_named


@pytest.fixture
def path(tmp_path):
    return str(write_named(tmp_path / "model.onnx"))


@pytest.mark.parametrize(
    "node, layer",
    [
        ("/conv1/Conv", "conv1"),
        ("/layer1/layer1.0/conv2/Conv", "layer1.0.conv2"),
        ("/features/features.1/conv/conv.0/conv.0.0/Conv", "features.1.conv.0.0"),
        ("/layer2/layer2.0/downsample/downsample.0/Conv", "layer2.0.downsample.0"),
        ("Conv_17", "Conv_17"),
        ("/Relu", "/Relu"),
    ],
)
def test_the_layer_of_a_node_is_the_path_of_its_module(node, layer):
    assert layer_of(node) == layer


@pytest.mark.parametrize(
    "name, nodes, groups",
    [
        ("/conv1/Conv + /relu/Relu", ("/conv1/Conv", "/relu/Relu"), ("conv1",)),  # TensorRT 8
        ("/block/block.0/Conv_myl0_4", ("/block/block.0/Conv",), ("block.0",)),  # TensorRT 10
        ("/conv1/Conv || /block/block.0/Conv", ("/conv1/Conv", "/block/block.0/Conv"), ("conv1", "block.0")),
        ("PWN(/relu/Relu)", ("/relu/Relu",), ()),
        (
            "{ForeignNode[/block/block.1/Relu.../fc/Gemm]}",
            ("/block/block.1/Relu", "/pool/GlobalAveragePool", "/Flatten", "/fc/Gemm"),
            ("fc",),
        ),
        ("Reformatting CopyNode for Input Tensor 0 to /conv1/Conv", (), ()),
        ("(Unnamed Layer* 3) [Shuffle]", (), ()),
        ("/relu/Relu_output_0_nchwc", ("/conv1/Conv", "/relu/Relu"), ("conv1",)),  # ONNX Runtime
        ("/block/block.0/Conv_output_0_nchwc", ("/block/block.0/Conv",), ("block.0",)),
        ("ReorderOutput_token_49", (), ()),
        ("/conv1/Con", (), ()),
    ],
)
def test_an_engine_s_layer_is_joined_by_the_names_that_its_own_holds(path, name, nodes, groups):
    part = Joiner(path, read_groups({"groups": GROUPS})).part(name)
    assert (part.nodes, part.groups) == (nodes, groups)


def test_without_groups_a_layer_still_has_its_name(path):
    part = Joiner(path, ()).part("/block/block.0/Conv + /block/block.1/Relu")
    assert (part.layers, part.groups) == (("block.0",), ())


def test_times_are_medians_and_groups_are_their_sums_slowest_first(path):
    times = {
        "Reformatting CopyNode for Input Tensor 0 to /conv1/Conv": [0.5, 0.5, 0.5],
        "/conv1/Conv + /relu/Relu": [1.0, 9.0, 2.0],
        "/block/block.0/Conv": [5.0, 4.0, 4.5],
        "/fc/Gemm": [0.25, 0.25, 0.25],
        "/fc/Gemm_myl0_1": [0.25, 0.25, 0.25],
    }
    profile = joined(times, path, read_groups({"groups": GROUPS}))
    sums = [(group["name"], group["ms"], group["clusters"], group["removable"]) for group in profile["groups"]]
    assert sums == [("block.0", 4.5, 6, True), ("conv1", 2.0, 4, True), ("fc", 0.5, 10, False)]
    assert (profile["runs"], profile["beside_ms"], profile["total_ms"]) == (3, 0.5, 7.5)
    assert [group["share"] for group in profile["groups"]] == pytest.approx([0.6, 2 / 7.5, 0.5 / 7.5])
    assert profile["layers"][1]["spread_ms"] == pytest.approx(0.5)  # quartiles by nearest rank: 1.0 and 2.0


def test_a_layer_that_makes_channels_of_two_groups_is_told_of_both_and_of_none_alone(path):
    profile = joined({"/conv1/Conv || /fc/Gemm": [2.0]}, path, read_groups({"groups": GROUPS}))
    assert [(group["name"], group["ms"], group["clusters"]) for group in profile["groups"]] == [
        ("conv1 and fc", 2.0, None)
    ]


@pytest.mark.parametrize(
    "groups, why",
    [
        ({}, "groups is no list"),
        ([{}], "groups.name is missing"),
        ([dict(GROUPS[0], clusters="4")], "groups.clusters is missing or of another kind"),
        ([dict(GROUPS[0], layers=[{"node": "/conv1/Conv"}])], "has an entry without node and layer"),
    ],
)
def test_groups_of_another_form_are_refused_with_the_reason(groups, why):
    with pytest.raises(ValueError, match=why):
        read_groups({"groups": groups})
