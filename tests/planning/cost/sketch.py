"""Tiny ONNX graphs for the cost model: shapes matter, values do not."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper


class Graph:
    """An ONNX graph that is drawn node by node; the batch is free unless given."""

    def __init__(self, shape=(3, 8, 8), batch="batch"):
        self.nodes, self.stored = [], []
        self.inputs = [helper.make_tensor_value_info("images", TensorProto.FLOAT, [batch, *shape])]

    def weight(self, *shape):
        name = f"w{len(self.stored)}"
        self.stored.append(numpy_helper.from_array(np.ones(shape, np.float32), name))
        return name

    def stored_ints(self, values, kind="int64"):
        name = f"i{len(self.stored)}"
        self.stored.append(numpy_helper.from_array(np.array(values, kind), name))
        return name

    def node(self, op, *inputs, outputs=1, **attributes):
        names = [f"t{len(self.nodes)}_{index}" for index in range(outputs)]
        self.nodes.append(helper.make_node(op, inputs, names, name=f"{op}{len(self.nodes)}", **attributes))
        return names[0] if outputs == 1 else names

    def conv(self, x, inputs, outputs, kernel=3, stride=1, group=1, **attributes):
        weight = self.weight(outputs, inputs // group, kernel, kernel)
        pads = [kernel // 2] * 4
        return self.node("Conv", x, weight, strides=[stride] * 2, pads=pads, group=group, **attributes)

    def model(self, *outputs):
        values = [helper.make_empty_tensor_value_info(name) for name in outputs]
        graph = helper.make_graph(self.nodes, "tiny", self.inputs, values, self.stored)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)

    def save(self, path, *outputs):
        path.write_bytes(self.model(*outputs).SerializeToString())
        return str(path)
