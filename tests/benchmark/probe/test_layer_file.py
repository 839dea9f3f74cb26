"""One layer as an ONNX file: onnx itself says whether it is one, and ONNX Runtime computes it."""

import numpy as np
import onnx
import onnxruntime
import pytest

from edgesynth.benchmark.probe.layer_file import channels_of, layer_file, smallest_file
from edgesynth.boards.probed import LayerShape, linear_shape
from edgesynth.planning.cost import layers_of

CONV = LayerShape("conv", 6, 1, (9, 8), (3, 3), (2, 2), (1, 1), (1, 0, 1, 0))
GROUPED = CONV._replace(inputs=3, groups=2, dilations=(1, 2))
DEPTHWISE = CONV._replace(op="depthwise", inputs=1)
ONE_AXIS = LayerShape("conv", 4, 1, (20,), (3,), (1,), (1,), (1, 1))
SHAPES = [CONV, GROUPED, DEPTHWISE, ONE_AXIS, linear_shape(12)]


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_file_is_valid_and_holds_the_layer_that_was_asked_for(shape, half):
    content = layer_file(shape, 4, channels_of(shape, 4), batch=2, half=half).content
    model = onnx.load_from_string(content)
    onnx.checker.check_model(model, full_check=True)
    assert (model.opset_import[0].version, model.ir_version) == (13, 7)
    assert [layer.width for layer in layers_of(model) if layer.shape == shape] == [4]
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    dims = session.get_inputs()[0].shape
    (found,) = session.run(None, {"images": np.ones(dims, np.float32)})
    assert list(found.shape) == session.get_outputs()[0].shape and found.shape[:2] == (2, 4)
    assert found.dtype == np.float32 and np.isfinite(found).all() and np.abs(found).max() > 0


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_frame_is_the_same_file_without_the_layer(shape):
    frame = onnx.load_from_string(layer_file(shape, None, channels_of(shape, 4)).content)
    whole = onnx.load_from_string(layer_file(shape, 4, channels_of(shape, 4)).content)
    onnx.checker.check_model(frame, full_check=True)
    layer = ["Gemm"] if shape.op == "linear" else ["Conv", "Relu"]
    ops = [node.op_type for node in frame.graph.node]
    assert [node.op_type for node in whole.graph.node] == ops[:1] + layer + ops[1:]
    assert frame.graph.input == whole.graph.input


def test_fp16_is_within_and_float32_without():
    model = onnx.load_from_string(layer_file(CONV, 4, 6, half=True).content)
    assert {tensor.data_type for tensor in model.graph.initializer} == {onnx.TensorProto.FLOAT16}
    ends = [*model.graph.input, *model.graph.output]
    assert {value.type.tensor_type.elem_type for value in ends} == {onnx.TensorProto.FLOAT}


def test_every_tensor_that_is_not_stored_is_named_for_the_ranges():
    file = layer_file(CONV, 4, 6)
    graph = onnx.load_from_string(file.content).graph
    assert file.tensors == ["images", *(name for node in graph.node for name in node.output)]


def test_the_smallest_file_is_valid():
    onnx.checker.check_model(onnx.load_from_string(smallest_file(2, True).content), full_check=True)
