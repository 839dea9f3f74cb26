"""The builder's text is no promised format: what cannot be read is left out."""

from edgesynth.planning.compiler.engine_layers import EngineTensor, read_engine_layers

TENSOR = "{ Name: a, b, Dimensions: [1,4,8,8], Strides: [256,64,8,1], Datatype: Int8, Format: (NHWC) Channel major }"
LAYER = (
    f"Name: /conv/Conv_myl0_1, LayerType: correlation, Inputs: [ {TENSOR}], Constants: [], Outputs: [ {TENSOR}, "
    f"{TENSOR}], TacticName: x, StreamId: 0, Metadata: [ONNX Layer: /conv/Conv][ONNX Layer: q]"
)
WAIT = "Name: w, LayerType: wait, Inputs: [], Constants: [], Outputs: [], TacticName: , StreamId: 1, EventId: 1"


def test_names_types_and_nodes_are_read():
    (layer,) = read_engine_layers(["before", f"Layers:\n{LAYER}\n\nI/O Tensors:\n Name: images, IOMode: Input"])
    tensor = EngineTensor("a, b", (1, 4, 8, 8), "Int8")
    assert (layer.name, layer.kind, layer.nodes) == ("/conv/Conv_myl0_1", "correlation", ("/conv/Conv", "q"))
    assert layer.inputs == (tensor,) and layer.outputs == (tensor, tensor) and layer.constants == ()
    assert layer.to_json()["inputs"] == [{"name": "a, b", "dims": (1, 4, 8, 8), "type": "Int8"}]


def test_one_stream_that_waits_for_another_is_no_kernel():
    conv, wait = read_engine_layers([f"Layers:\n{LAYER}\n{WAIT}"])
    assert conv.is_kernel and not wait.is_kernel


def test_another_format_gives_no_layers():
    assert read_engine_layers([]) == ()
    assert read_engine_layers(["Layers of the engine:\nfoo"]) == ()
    assert read_engine_layers(["Layers:\n{json: 1}"]) == ()


def test_the_last_engine_is_told():
    other = LAYER.replace("/conv/Conv", "/fc/Gemm")
    (layer,) = read_engine_layers([f"Layers:\n{LAYER}", f"Layers:\n{other}"])
    assert layer.name == "/fc/Gemm_myl0_1"
