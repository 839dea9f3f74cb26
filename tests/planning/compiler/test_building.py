"""What NVIDIA's own parser and compiler say, by themselves: nothing here is played."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from edgesynth.errors import UserError
from edgesynth.planning.compiler.building import GPUS, compile_files, compile_graph
from edgesynth.planning.compiler.compiled_table import facts
from edgesynth.planning.compiler.products import int8_share
from edgesynth.planning.onnx.onnx_graph import read_graph

from ..networks import lenet, quantized, residual, single, weight, write


def compiled(path, **options):
    return compile_graph(read_graph(str(path)), **options)


def test_a_plain_file_is_built_and_its_kernels_are_told(tmp_path):
    result = compiled(residual(tmp_path / "m.onnx"))
    assert result.is_built and not result.refusals and not result.reason
    assert result.version == "1.7.1.116" and result.gpu == "sm86"
    assert result.plan_bytes > result.weights_bytes > 4 * (8 * 3 * 9 + 8 * 8 * 9)
    assert result.activations_bytes > 0 and result.kernels == len(result.layers) > 0
    assert [(product.node, product.precision, product.asked) for product in result.products] == [
        ("stem", "fp32", False),
        ("block_conv", "fp32", False),
        ("fc", "fp32", False),
    ]
    assert [product.macs for product in result.products] == [8 * 3 * 9 * 256, 8 * 8 * 9 * 256, 80]
    assert int8_share(result.products) == 0


def test_the_addition_and_the_activation_are_fused_into_their_convolution(tmp_path):
    nodes = [set(layer.nodes) for layer in compiled(residual(tmp_path / "m.onnx")).layers]
    assert any({"stem", "stem_relu"} <= each for each in nodes)
    assert any({"block_conv", "block_add"} <= each for each in nodes)


def test_quantized_convolutions_run_in_int8_and_three_channels_become_four(tmp_path):
    quantized(residual(tmp_path / "m.onnx"), tmp_path / "q.onnx")
    stem, block, fc = compiled(tmp_path / "q.onnx").products
    assert (stem.asked, stem.precision, stem.padded) == (True, "int8", "3 -> 4 channels in")
    assert (block.asked, block.precision, block.padded) == (True, "int8", "")
    assert (fc.asked, fc.precision) == (False, "fp32")
    share = int8_share([stem, block, fc])
    assert share == pytest.approx((stem.macs + block.macs) / (stem.macs + block.macs + fc.macs)) and share > 0.99


def test_a_depthwise_convolution_is_padded_to_four_channels_a_group(tmp_path):
    nodes = [helper.make_node("Conv", ["images", "w"], ["out"], name="depthwise", group=8, pads=[1, 1, 1, 1])]
    write(tmp_path / "m.onnx", nodes, {"w": weight(8, 1, 3, 3)}, {"images": ["N", 8, 16, 16]})
    quantized(tmp_path / "m.onnx", tmp_path / "q.onnx")
    (product,) = compiled(tmp_path / "q.onnx").products
    assert product.precision == "int8" and product.padded == "1 -> 4 channels in a group"


def test_a_kernel_that_rounds_what_it_reads_itself_runs_in_int8_all_the_same(tmp_path):
    """Of a single pixel so few channels are computed in one generated kernel, which reads and writes float."""
    nodes = [helper.make_node("Conv", ["images", "w"], ["out"], name="squeeze")]
    write(tmp_path / "m.onnx", nodes, {"w": weight(16, 4, 1, 1)}, {"images": ["N", 4, 1, 1]})
    result = compiled(quantized(tmp_path / "m.onnx", tmp_path / "q.onnx"))
    assert [layer.kind for layer in result.layers] == ["kgen"] and result.layers[0].inputs[0].type == "Float"
    assert result.products[0].precision == "int8" and int8_share(result.products) == 1


def test_quantized_inputs_that_the_compiler_does_not_use_are_told(tmp_path):
    """It has no transposed convolution in INT8."""
    nodes = [helper.make_node("ConvTranspose", ["images", "w"], ["out"], name="up", strides=[2, 2])]
    write(tmp_path / "m.onnx", nodes, {"w": weight(8, 8, 2, 2)}, {"images": ["N", 8, 16, 16]})
    result = compiled(quantized(tmp_path / "m.onnx", tmp_path / "q.onnx", kinds=["ConvTranspose"]))
    (product,) = result.products
    assert product.asked and product.refused and product.precision == "fp32" and int8_share(result.products) == 0
    assert facts(result) == ["not in INT8: ConvTranspose up runs in fp32, though its inputs are quantized"]


def test_the_product_of_two_vectors_is_counted_though_it_has_no_axes(tmp_path):
    node = helper.make_node("MatMul", ["a", "b"], ["out"], name="dot")
    result = compiled(write(tmp_path / "m.onnx", [node], inputs={"a": [5], "b": [5]}))
    assert result.is_built and [product.macs for product in result.products] == [5]


def test_what_the_parser_refuses_is_in_its_own_words_without_this_machine_s(tmp_path):
    quantized(lenet(tmp_path / "m.onnx"), tmp_path / "q.onnx", for_tensorrt=False)
    result = compiled(tmp_path / "q.onnx")
    assert not result.is_built and result.plan_bytes is None and result.products == ()
    refusal = result.refusals[0]
    assert refusal.op == "DequantizeLinear" and "input has type Int32 but must have type" in refusal.why
    assert "Cuda" not in refusal.why and "\n" not in refusal.why
    assert refusal.node in result.reason


def test_an_operator_that_tensorrt_lacks_is_named(tmp_path):
    result = compiled(single(tmp_path / "m.onnx", "Det"))
    assert [refusal.op for refusal in result.refusals] == ["Det"] and "Det" in result.reason


def test_one_file_after_another_tells_of_its_own_layers_alone(tmp_path):
    compiled(residual(tmp_path / "m.onnx"))
    result = compiled(lenet(tmp_path / "n.onnx"))
    assert [product.node for product in result.products] == ["conv", "fc"]
    assert not any("stem" in node for layer in result.layers for node in layer.nodes)


def test_batch_and_gpu_are_what_was_asked_for(tmp_path):
    path = residual(tmp_path / "m.onnx")
    result = compiled(path, gpu="sm89", batch=4)
    assert result.is_built and result.gpu == "sm89"
    assert any(tensor.dims[0] == 4 for layer in result.layers for tensor in layer.outputs)
    with pytest.raises(UserError, match="--gpu is sm87; TensorRT for RTX builds for: " + ", ".join(GPUS)):
        compiled(path, gpu="sm87")


def test_a_free_height_is_refused(tmp_path):
    single(tmp_path / "m.onnx", "Relu", extra={"images": ["N", 3, "H", "W"]})
    with pytest.raises(UserError, match="only the batch may be free"):
        compiled(tmp_path / "m.onnx")


def test_every_form_is_compiled_in_the_order_of_precision(tmp_path):
    plain = residual(tmp_path / "m.onnx")
    forms = {"int8": str(quantized(plain, tmp_path / "q.onnx")), "fp32": str(plain), "int8-cpu": "absent"}
    said = []
    results = compile_files(forms, told=said.append)
    assert list(results) == ["fp32", "int8"] and said == ["building m.onnx for sm86", "building q.onnx for sm86"]


def test_weights_beside_the_file_are_read(tmp_path):
    path = residual(tmp_path / "m.onnx")
    onnx.save(onnx.load(str(path)), str(tmp_path / "n.onnx"), save_as_external_data=True, size_threshold=0)
    assert compiled(tmp_path / "n.onnx").is_built


def test_half_types_run_at_fp16(tmp_path):
    half = np.float16
    nodes = [
        helper.make_node("Cast", ["images"], ["h"], name="in", to=TensorProto.FLOAT16),
        helper.make_node("Conv", ["h", "w"], ["c"], name="conv", pads=[1, 1, 1, 1]),
        helper.make_node("Cast", ["c"], ["out"], name="cast", to=TensorProto.FLOAT),
    ]
    write(tmp_path / "m.onnx", nodes, {"w": weight(16, 3, 3, 3).astype(half)})
    (product,) = compiled(tmp_path / "m.onnx").products
    assert product.precision == "fp16"
