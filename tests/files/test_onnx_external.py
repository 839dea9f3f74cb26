"""Weights beside an ONNX file: found wherever they are named, and refused outside of its folder."""

import os

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgesynth.errors import UserError
from edgesynth.files.onnx_external import check_external_files, external_files
from edgesynth.files.protobuf import field
from edgesynth.planning.onnx.onnx_graph import read_graph


def outside(location, **more):
    """A tensor of four numbers in a file."""
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    for key, value in {"location": location, **more}.items():
        tensor.external_data.add(key=key, value=value)
    return tensor


def graph(*nodes, **more):
    value = helper.make_tensor_value_info
    inside = [helper.make_node("Relu", ["images"], ["logits"]), *nodes]
    inputs, outputs = [value("images", 1, ["n", 4])], [value("logits", 1, ["n", 4])]
    return helper.make_graph(inside, "g", inputs, outputs, **more)


def model(graph_, **more):
    return helper.make_model(graph_, opset_imports=[helper.make_opsetid("", 13)], ir_version=7, **more)


def sparse(location):
    return onnx.SparseTensorProto(values=outside(location), indices=outside(location), dims=[4])


def training(location):
    found = model(graph())
    found.training_info.add().algorithm.CopyFrom(graph(initializer=[outside(location)]))
    return found


def function(location):
    constant = helper.make_node("Constant", [], ["c"], value=outside(location))
    return helper.make_function("own", "f", [], ["c"], [constant], [helper.make_opsetid("", 13)])


def branch(location):
    inner = graph(initializer=[outside(location)])
    deeper = graph(helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=graph()))
    return helper.make_node("If", ["c"], ["z"], then_branch=graph(), else_branch=deeper)


PLACES = {
    "initializer": lambda location: model(graph(initializer=[outside(location)])),
    "attribute": lambda location: model(graph(helper.make_node("Constant", [], ["c"], value=outside(location)))),
    "attribute of several": lambda location: model(graph(helper.make_node("X", [], ["c"], values=[outside(location)]))),
    "graph in a graph": lambda location: model(graph(branch(location))),
    "function": lambda location: model(graph(), functions=[function(location)]),
    "sparse initializer": lambda location: model(graph(sparse_initializer=[sparse(location)])),
    "sparse attribute": lambda location: model(
        graph(helper.make_node("Constant", [], ["c"], sparse_value=sparse(location)))
    ),
    "training graph": training,
}


def save(proto, path):
    path.write_bytes(proto.SerializeToString())
    return str(path)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "secret.txt").write_bytes(bytes(64))
    (tmp_path / "here").mkdir()
    return tmp_path / "here"


@pytest.mark.parametrize("place", PLACES)
def test_weights_beside_the_file_are_found_in_every_place(folder, place):
    assert external_files(save(PLACES[place]("below/w.bin"), folder / "m.onnx")) == [str(folder / "below/w.bin")]


@pytest.mark.parametrize("location", ["/etc/passwd", "../secret.txt", "below/../../secret.txt", "..\\secret.txt"])
@pytest.mark.parametrize("place", PLACES)
def test_weights_outside_of_the_folder_are_refused_in_every_place(folder, place, location):
    path = save(PLACES[place](location), folder / "m.onnx")
    with pytest.raises(UserError, match=r"m.onnx names the file .*: nothing but files in its own folder is opened"):
        external_files(path)


def test_a_link_out_of_the_folder_is_refused(folder):
    (folder / "w.bin").symlink_to("../secret.txt")
    (folder / "below").symlink_to("..")
    for location in ("w.bin", "below/secret.txt"):
        path = save(model(graph(initializer=[outside(location)])), folder / "m.onnx")
        with pytest.raises(UserError, match="a symbolic link, or behind one"):
            check_external_files(path)


def test_a_name_that_is_given_twice_is_refused_if_either_leads_out(folder):
    for first, second in (("w.bin", "/etc/passwd"), ("/etc/passwd", "w.bin")):
        tensor = outside(first)
        tensor.external_data.add(key="location", value=second)
        with pytest.raises(UserError, match="an absolute path"):
            external_files(save(model(graph(initializer=[tensor])), folder / "m.onnx"))


@pytest.mark.parametrize(
    ("hidden", "why"),
    [
        (b"\x0b\x0c", "wire type 3"),  # a group: protobuf skips it, and so would come to what follows
        (b"\xba\x80\x80\x80\x10\x00", "field number"),  # protobuf drops the upper bits and reads field 7
        (b"\x08" + b"\xff" * 10 + b"\x01", "more than 64 bits"),
        (b"\x3a\xff\xff\xff\xff\x7f", "cut off"),
    ],
)
def test_what_protobuf_reads_in_another_way_hides_nothing(folder, hidden, why):
    path = folder / "m.onnx"
    path.write_bytes(hidden + model(graph(initializer=[outside("/etc/passwd")])).SerializeToString())
    with pytest.raises(UserError, match=f"m.onnx is not an ONNX model .*{why}"):
        external_files(str(path))


def test_graphs_nested_more_deeply_than_protobuf_goes_are_refused(folder):
    message = b""
    for _ in range(60):
        message = field(1, field(5, field(6, message)))  # a graph in an attribute of a node
    onnx_file = folder / "m.onnx"
    onnx_file.write_bytes(model(graph()).SerializeToString() + field(7, message))
    with pytest.raises(UserError, match="nested more than 100 deep"):
        external_files(str(onnx_file))


@pytest.mark.parametrize(
    ("make", "more", "words"),
    [
        (lambda path: None, {}, "which is missing"),
        (lambda path: path.mkdir(), {}, "which is no file"),
        (lambda path: os.mkfifo(path), {}, "which is no file"),
        (
            lambda path: path.write_bytes(bytes(15)),
            {"length": "16"},
            r"cut off \(15 bytes, and weights up to byte 16\)",
        ),
        (lambda path: path.write_bytes(bytes(16)), {"offset": "1", "length": "16"}, "weights up to byte 17"),
        (lambda path: path.write_bytes(bytes(16)), {"offset": "-1"}, "the offset of weights is '-1'"),
        (lambda path: path.write_bytes(bytes(16)), {"length": "9" * 30}, "the length of weights is '9999"),
    ],
    ids=["missing", "folder", "FIFO", "cut off", "beyond the end", "before the start", "huge"],
)
def test_weights_that_are_not_there_are_named(folder, make, more, words):
    make(folder / "w.bin")
    with pytest.raises(UserError, match=words):
        check_external_files(save(model(graph(initializer=[outside("w.bin", **more)])), folder / "m.onnx"))


def test_whole_weights_are_taken_and_read_by_onnx_as_well(folder):
    numbers = np.arange(4, dtype=np.float32)
    onnx.save(
        model(graph(initializer=[numpy_helper.from_array(numbers, "w")])),
        str(folder / "m.onnx"),
        save_as_external_data=True,
        location="w.bin",
        size_threshold=0,
    )
    check_external_files(str(folder / "m.onnx"))
    (weights,) = onnx.load(str(folder / "m.onnx")).graph.initializer
    assert numpy_helper.to_array(weights).tolist() == [0, 1, 2, 3]


def test_reading_a_graph_looks_first(folder):
    with pytest.raises(UserError, match="an absolute path"):
        read_graph(save(PLACES["initializer"]("/etc/passwd"), folder / "m.onnx"))
