"""A network with the names that torch's exporter gives: two convolutions, their activations, a pool, a linear layer."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

GROUPS = [
    {"name": "conv1", "clusters": 4, "removable": True, "layers": [{"node": "/conv1/Conv", "layer": "conv1"}]},
    {
        "name": "block.0",
        "clusters": 6,
        "removable": True,
        "layers": [{"node": "/block/block.0/Conv", "layer": "block.0"}],
    },
    {"name": "fc", "clusters": 10, "removable": False, "layers": [{"node": "/fc/Gemm", "layer": "fc"}]},
]
NODES = ["/conv1/Conv", "/relu/Relu", "/block/block.0/Conv", "/block/block.1/Relu", "/pool/GlobalAveragePool"]


def write_named(path, batch="batch"):
    rng = np.random.default_rng(3)
    weights = {
        "conv1.weight": rng.normal(0, 0.5, (4, 1, 3, 3)),
        "block.0.weight": rng.normal(0, 0.3, (6, 4, 3, 3)),
        "fc.weight": rng.normal(0, 0.3, (10, 6)),
        "fc.bias": np.zeros(10),
    }
    pads = [1, 1, 1, 1]
    nodes = [
        helper.make_node("Conv", ["images", "conv1.weight"], ["/conv1/Conv_output_0"], "/conv1/Conv", pads=pads),
        helper.make_node("Relu", ["/conv1/Conv_output_0"], ["/relu/Relu_output_0"], "/relu/Relu"),
        helper.make_node(
            "Conv",
            ["/relu/Relu_output_0", "block.0.weight"],
            ["/block/block.0/Conv_output_0"],
            "/block/block.0/Conv",
            pads=pads,
        ),
        helper.make_node(
            "Relu", ["/block/block.0/Conv_output_0"], ["/block/block.1/Relu_output_0"], "/block/block.1/Relu"
        ),
        helper.make_node("GlobalAveragePool", ["/block/block.1/Relu_output_0"], ["pooled"], "/pool/GlobalAveragePool"),
        helper.make_node("Flatten", ["pooled"], ["flat"], "/Flatten"),
        helper.make_node("Gemm", ["flat", "fc.weight", "fc.bias"], ["logits"], "/fc/Gemm", transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "named",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [batch, 1, 8, 8])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [batch, 10])],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)
    onnx.save(onnx.shape_inference.infer_shapes(model), str(path))
    return path
