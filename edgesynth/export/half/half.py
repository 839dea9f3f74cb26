"""FP16: a file whose weights and sums are float16, for TensorRT 11, which takes types from the file and has no flag."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from edgesynth.export.onnx.onnx_file import read_checked, strip_domains
from edgesynth.export.onnx.quiet import quiet
from edgesynth.lineage.storage.files import write_bytes

if TYPE_CHECKING:
    import onnx

KEY, FILE = "fp16", "model.fp16.onnx"


def to_half(model: Path, path: Path, kept: Collection[str] = ()) -> None:
    """Write a float16 copy of a model; its input and output stay float32, so that whoever feeds it need not change.

    Args:
        model: a plain fp32 ONNX file.
        path: the file to write.
        kept: names of nodes that stay in FP32, between Casts; what two of them hand each other is not rounded.
    """
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16
    from onnxruntime.transformers.onnx_model import OnnxModel

    with quiet():
        written = convert_float_to_float16(onnx.load(str(model)), keep_io_types=True, node_block_list=list(kept))
        _join_kept(written.graph)
        OnnxModel(written).topological_sort()  # the casts at the ends come last
    strip_domains(written)
    write_bytes(path, written.SerializeToString())
    read_checked(path)


def _join_kept(graph: onnx.GraphProto) -> None:
    """Let FP32 nodes read tensors of FP32 nodes directly: the converter casts every tensor to FP16 between them."""
    # A tensor that two of them read is cast once for each, under one name.
    nodes = list({tuple(node.output): node for node in graph.node}.values())
    sources = {node.output[0]: node.input[0] for node in nodes if _is_ours(node)}
    outputs = {value.name for value in graph.output}
    joined = {}
    for node in nodes:
        if node.op_type == "Cast" and node.input[0] in sources and _gives_float(node):
            if node.output[0] in outputs:
                node.input[0] = sources[node.input[0]]
            else:
                joined[node.output[0]] = sources[node.input[0]]
    nodes = [node for node in nodes if node.output[0] not in joined]
    for node in nodes:
        for place, name in enumerate(node.input):
            node.input[place] = joined.get(name, name)
    read = {name for node in nodes for name in node.input}
    del graph.node[:]
    graph.node.extend(node for node in nodes if not _is_ours(node) or node.output[0] in read)


def _is_ours(node: onnx.NodeProto) -> bool:
    """Whether the converter inserted this node to round an FP32 tensor."""
    return bool(
        node.op_type == "Cast"
        and (node.name.startswith("graph_input_cast") or node.name.endswith("_cast_to_fp16_node"))
    )


def _gives_float(cast: onnx.NodeProto) -> bool:
    import onnx

    return any(item.name == "to" and item.i == onnx.TensorProto.FLOAT for item in cast.attribute)
