"""`--engine package.module:Class`: an engine that was written outside of the package, end to end."""

import json

import pytest

from edgesynth.benchmark.engines import ENGINES, find
from edgesynth.benchmark.engines.onnxruntime import OnnxRuntime
from edgesynth.benchmark.remote import Options, measure_on
from edgesynth.errors import UserError

# ONNX's own reference in numpy: slow, and nothing of ours.
SOURCE = """
import onnx
from onnx.reference import ReferenceEvaluator

from edgesynth.benchmark.engines.engine import Engine, shape_of_images

class Reference(Engine):
    name = "reference"

    @classmethod
    def candidates(cls):
        return {"fp32": ("fp32",)}

    def load(self, path, precision, batch, threads, ranges=None, samples=None, kept=()):
        self._model = ReferenceEvaluator(path)
        sizes = onnx.load(path).graph.input[0].type.tensor_type.shape.dim
        self.input_shape = shape_of_images(path, [size.dim_value or size.dim_param for size in sizes], batch)

    def run(self, images):
        return self._model.run(None, {"images": images})[0]

    def describe(self):
        return {"name": self.name, "version": onnx.__version__}

class Nameless(Reference):
    name = ""

class Half(Engine):
    name = "half"

    @classmethod
    def candidates(cls):
        return {}

    def describe(self):
        return {}

class Stranger:
    name = "stranger"
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A module of the user's, in the working directory."""
    (tmp_path / "ownengine.py").write_text(SOURCE)
    (tmp_path / "broken.py").write_text("import nosuchpackage")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))


def test_a_bundle_is_measured_by_an_engine_of_one_s_own(own, edgesynth, bundle):
    options = ("--batch", "1,8", "--duration-s", "0.05", "--warm-up-s", "0")
    code, out, err = edgesynth("benchmark", bundle, "--engine", "ownengine:Reference", *options)
    assert code == 0, err
    result = json.loads((bundle / "result.json").read_text())
    assert result["engine"]["name"] == "reference"
    measured = [(one["precision"], one["batch"], one["accuracy_percent"]) for one in result["measurements"]]
    assert measured == [("fp32", 1, 75.0), ("fp32", 8, 75.0)]  # it offers no int8
    assert all(one["latency_ms"]["p50"] > 0 for one in result["measurements"])
    assert "measuring bundle (fp32 x1, fp32 x8)" in err and "75.00" in out


def test_its_result_is_not_compared_with_that_of_another_engine(own, edgesynth, bundle):
    options = ("--precision", "fp32", "--duration-s", "0.05", "--warm-up-s", "0")
    edgesynth("benchmark", bundle, "--engine", "ownengine:Reference", *options, "-o", "own.json")
    edgesynth("benchmark", bundle, "--engine", "onnxruntime", *options, "-o", "other.json")
    code, _, err = edgesynth("compare", "own.json", "other.json")
    assert code == 2 and "engine" in err and "reference" in err


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ownengine:", r"is not of the form package.module:Class, such as myengines:MyEngine"),
        (
            "nosuch.module:Engine",
            r"nosuch.module cannot be imported .*'nosuch'.; it must be installed",
        ),
        ("broken:Engine", r"broken cannot be imported \(No module named 'nosuchpackage'\)"),
        ("ownengine:Missing", r"ownengine has no 'Missing'; give a class of it"),
        ("ownengine:Stranger", r"is no engine; it must be a class that inherits Engine of edgesynth.benchmark.engines"),
        ("ownengine:onnx", r"is no engine"),
        ("ownengine:Half", r"has no method load and no method run; see edgesynth.benchmark.engines.engine.Engine"),
        ("ownengine:Nameless", r"has no `name`, which results are told by"),
    ],
)
def test_what_is_no_engine_is_refused(own, name, message):
    with pytest.raises(UserError, match=rf"^--engine {name}:? ?{message}"):
        find(name)


def test_an_engine_of_the_package_by_its_path_is_what_it_is_by_its_name():
    assert find("edgesynth.benchmark.engines.onnxruntime:OnnxRuntime") is OnnxRuntime is find("onnxruntime")


def test_another_machine_is_not_asked_for_a_class_of_this_one(own, bundle):
    with pytest.raises(UserError, match="--engine ownengine:Reference is a class of this machine and --on is board"):
        measure_on("ssh://user@board", str(bundle), Options("ownengine:Reference"))


def test_every_engine_of_the_table_is_there_under_its_own_name():
    assert {name: find(name).name for name in ENGINES} == {name: name for name in ENGINES}
