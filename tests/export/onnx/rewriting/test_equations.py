"""Einstein sums in capitals, which TensorRT's importer refuses."""

import numpy as np
import onnx
import torch
from onnx import helper
from torch import nn

from edgesynth.export import to_onnx
from edgesynth.export.onnx.rewriting.equations import lower_equations
from edgesynth.export.onnx.runtime import run_onnx
from edgesynth.planning.onnx.onnx_graph import read_graph
from edgesynth.planning.parsers.operators import check_graph
from edgesynth.planning.parsers.parser import parser_of


def lowered(equation):
    node = helper.make_node("Einsum", ["x"], ["out"], equation=equation)
    model = helper.make_model(helper.make_graph([node], "network", [], []))
    lower_equations(model)
    return helper.get_attribute_value(model.graph.node[0].attribute[0]).decode()


def test_each_index_keeps_its_own_letter_where_it_is_free():
    assert lowered("B H I D, B H J D -> B H I J") == "b h i d, b h j d -> b h i j"
    assert lowered("...ij,...jk->...ik") == "...ij,...jk->...ik"


def test_two_indices_that_differ_by_case_alone_stay_two():
    assert lowered("aA,Ab->ab") == "ac,cb->ab"
    assert lowered("BA,bA->Bb") == "ca,ba->cb"


def test_more_indices_than_letters_are_left_alone():
    letters = "abcdefghijklmnopqrstuvwxyzA"
    assert lowered(f"{letters}->{letters}") == f"{letters}->{letters}"


def test_the_exported_file_answers_alike_and_tensorrt_10_takes_it(tmp_path):
    class Attention(nn.Module):
        def forward(self, images):
            rows = images.flatten(2)
            return torch.einsum("BCI,BCJ->BIJ", rows, rows)

    path = tmp_path / "m.onnx"
    to_onnx(Attention().eval(), (2, 3, 3), path)
    (node,) = [node for node in onnx.load(str(path)).graph.node if node.op_type == "Einsum"]
    assert helper.get_attribute_value(node.attribute[0]) == b"bci,bcj->bij"
    images = torch.randn(2, 2, 3, 3, generator=torch.Generator().manual_seed(0))
    assert np.allclose(run_onnx(path, images), Attention()(images), atol=1e-5)
    assert not any(finding.fatal for finding in check_graph(read_graph(str(path)), parser_of((10, 3))))
