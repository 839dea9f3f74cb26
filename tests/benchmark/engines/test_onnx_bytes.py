"""Reading ONNX without the package onnx, held against the package."""

import onnx

from edgesynth.benchmark.engines.onnx_bytes import node_at, nodes_of
from edgesynth.files.onnx_external import external_files

from ..conftest import write_classifier


def test_nodes_are_those_that_the_package_reads(pristine_tensorrt_bundle):
    for path in sorted(pristine_tensorrt_bundle.glob("*.onnx")):
        expected = [(node.name, node.op_type) for node in onnx.load(str(path)).graph.node]
        assert [tuple(node) for node in nodes_of(str(path))] == expected
        assert len(expected) >= 4
        assert node_at(str(path), 1) == expected[1]
        assert node_at(str(path), len(expected)) is None
        assert node_at(str(path), -1) is None


def test_weights_outside_of_the_file_are_found(tmp_path):
    write_classifier(tmp_path / "inside.onnx")
    model = onnx.load(str(tmp_path / "inside.onnx"))
    onnx.save(model, str(tmp_path / "outside.onnx"), save_as_external_data=True, location="w.bin", size_threshold=0)
    assert external_files(str(tmp_path / "outside.onnx")) == [str(tmp_path / "w.bin")]
    assert external_files(str(tmp_path / "inside.onnx")) == []


def test_a_file_that_is_cut_off_or_no_onnx_has_the_nodes_before_the_damage(tmp_path):
    whole = write_classifier(tmp_path / "whole.onnx").read_bytes()
    for length in (0, 1, 10, len(whole) // 2):
        (tmp_path / "cut.onnx").write_bytes(whole[:length])
        assert list(nodes_of(str(tmp_path / "cut.onnx"))) in ([], list(nodes_of(str(tmp_path / "whole.onnx"))))
    (tmp_path / "text.onnx").write_text("once upon a time")
    assert list(nodes_of(str(tmp_path / "text.onnx"))) == []
