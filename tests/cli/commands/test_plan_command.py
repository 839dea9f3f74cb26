"""`edgesynth plan` as it is typed: tables, JSON, exit codes, mistakes."""

import json
import shutil

import pytest

from edgesynth.boards.probed import Staircase, Step
from edgesynth.boards.table import BOARDS
from edgesynth.planning.cost import read_layers
from tests.benchmark.conftest import bundle, pristine_bundle  # noqa: F401  (fixtures)
from tests.boards.probed.test_staircase import table_of
from tests.boards.test_board_file import facts_of
from tests.planning.networks import lenet, quantized, residual, single


def test_a_bundle_on_a_tx2(edgesynth, bundle, tmp_path):  # noqa: F811
    done = edgesynth("plan", bundle, "--board", "tx2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "Jetson TX2 (sm_62, 8 GiB), TensorRT 8.2 (JetPack 4.6.1 to 4.6.6): will run; build it at fp16"
    rows = {line.split()[0]: line.split() for line in lines[2:5]}
    assert rows["fp16"][1:4] == ["yes", "yes", "model.onnx"] and rows["int8"][1:3] == ["no", "NO"]
    assert any(
        "opset 13 (onnx-tensorrt 8.2-GA: 7 to 13), IR 7; 4 operators of 4 kinds, all parsed" in one for one in lines
    )
    assert any(one.startswith("predicted, not measured") for one in lines)


def test_no_samples_are_opened(edgesynth, bundle, tmp_path):  # noqa: F811
    (bundle / "samples.npz").write_bytes(b"no archive")
    assert edgesynth("plan", bundle, "--board", "tx2", cwd=tmp_path).returncode == 0
    (bundle / "model.onnx").write_bytes(b"another")
    done = edgesynth("plan", bundle, "--board", "tx2", cwd=tmp_path)
    assert done.returncode == 2 and "model.onnx is not the file that was exported" in done.stderr


def test_a_qdq_file_does_not_run_on_a_nano_and_says_what_does(edgesynth, tmp_path):
    quantized(residual(tmp_path / "m.onnx"), tmp_path / "q.onnx")
    done = edgesynth("plan", "q.onnx", "--board", "jetson-nano", cwd=tmp_path)
    assert done.returncode == 1
    assert "will NOT run: q.onnx holds Q/DQ nodes, and Jetson Nano (sm_53) has no INT8 units" in done.stdout
    assert "use fp16" in done.stdout


def test_without_a_board_each_has_a_line(edgesynth, tmp_path):
    single(tmp_path / "m.onnx", "Reciprocal")
    done = edgesynth("plan", "m.onnx", cwd=tmp_path)
    assert done.returncode == 0  # some board runs it
    rows = {line.split()[0]: line for line in done.stdout.splitlines()[1:-1]}
    assert list(rows) == [board.name for board in BOARDS]
    assert " NO " in rows["tx2"] and "Reciprocal" in rows["tx2"] and " yes " in rows["agx-orin"]


def test_a_file_that_no_board_runs_ends_with_1(edgesynth, tmp_path):
    single(tmp_path / "m.onnx", "Det")
    assert edgesynth("plan", "m.onnx", cwd=tmp_path).returncode == 1


def test_json_says_the_same(edgesynth, tmp_path):
    lenet(tmp_path / "m.onnx", opset=18)
    done = edgesynth("plan", "m.onnx", "--board", "tx1", "--tensorrt", "8.0", "--json", cwd=tmp_path)
    plan = json.loads(done.stdout)
    assert done.returncode == 1 and plan["will_run"] is False and plan["recommended"] is None
    assert (plan["board"], plan["tensorrt"], plan["jetpack"]) == ("tx1", "8.0", "JetPack 4.6")
    assert plan["files"][0]["operators"] == {"Conv": 1, "Flatten": 1, "Gemm": 1, "MaxPool": 1, "Relu": 1}
    assert [finding["fatal"] for finding in plan["files"][0]["findings"]] == [True]
    both = json.loads(edgesynth("plan", "m.onnx", "--json", "--tensorrt", "8.6", cwd=tmp_path).stdout)
    assert [one["board"] for one in both] == ["orin-nano", "orin-nx", "orin-nx-8gb", "agx-orin"]


def test_json_marks_a_prediction_as_one(edgesynth, tmp_path):
    lenet(tmp_path / "m.onnx")
    plan = json.loads(edgesynth("plan", "m.onnx", "--board", "tx2", "--mode", "1", "--json", cwd=tmp_path).stdout)
    assert {one["precision"]: (one["predicted"] or {}).get("source") for one in plan["builds"]} == {
        "fp32": "predicted",
        "fp16": "predicted",
        "int8": None,
    }
    assert plan["builds"][1]["predicted"]["mode"] == "MAXQ"


def remove(folder):
    (folder / "model.onnx").unlink()


def alter(folder):
    (folder / "model.onnx").write_bytes((folder / "model.onnx").read_bytes()[:-1])


@pytest.mark.parametrize(
    ("damage", "words"),
    [(remove, "model.onnx is missing"), (alter, "sha256 differs"), (shutil.rmtree, "does not exist")],
)
def test_a_bundle_that_is_not_whole_is_refused(edgesynth, refused, bundle, tmp_path, damage, words):  # noqa: F811
    damage(bundle)
    refused(edgesynth("plan", bundle, "--board", "tx2", cwd=tmp_path), words)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--board", "tx3"], "there is no board 'tx3'; choose from: tx1, tx2"),
        (
            ["--board", "tx2", "--tensorrt", "8.6"],
            "has no TensorRT 8.6; choose from: 8.0 (JetPack 4.6), 8.2",
        ),
        (["--board", "tx2", "--mode", "turbo"], "no power mode 'turbo'"),
        (["--mode", "maxq"], "name the board with --board"),
        (["--tensorrt", "9.9"], "no board has TensorRT 9.9"),
        (["--batch", "0"], "the batch is 0"),
        (["--board", "this-gpu"], "this-gpu names the GPU of this machine"),
    ],
)
def test_a_mistake_is_one_line(edgesynth, refused, tmp_path, arguments, words):
    lenet(tmp_path / "m.onnx")
    # An empty PATH: whatever GPU the machine has, it cannot be asked.
    refused(edgesynth("plan", "m.onnx", *arguments, cwd=tmp_path, env={"PATH": str(tmp_path)}), words)


@pytest.mark.parametrize("content", [b"", b"once upon a time"])
def test_a_file_that_is_no_onnx_is_one_line(edgesynth, refused, tmp_path, content):
    (tmp_path / "m.onnx").write_bytes(content)
    refused(edgesynth("plan", "m.onnx", "--board", "tx2", cwd=tmp_path), "m.onnx")


def write_probe(path, model, **facts):
    """A table in which every layer of a model takes 2 ms."""
    shapes = {layer.shape for layer in read_layers(str(model)) if layer.shape is not None}
    steps = [Step(1, 2.0, 0.0), Step(64, 2.0, 0.0)]
    path.write_text(json.dumps(table_of(*(Staircase(shape, steps) for shape in shapes), **facts).to_json()))


def test_a_probe_names_the_board_and_its_share_of_the_time_is_shown(edgesynth, tmp_path):
    model = residual(tmp_path / "m.onnx")
    write_probe(tmp_path / "t.json", model)
    done = edgesynth("plan", "m.onnx", "--probe", "t.json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Jetson TX2")
    rows = {line.split()[0]: line for line in done.stdout.splitlines()[2:5]}
    assert "6.29 (95% measured)" in rows["fp16"] and "measured" not in rows["fp32"]
    assert "of 3 measured layers (tensorrt 8.2.1.8), the rest of 1 by the roofline" in done.stdout
    plan = json.loads(edgesynth("plan", "m.onnx", "--probe", "t.json", "--json", cwd=tmp_path).stdout)
    (fp16,) = [one["predicted"] for one in plan["builds"] if one["precision"] == "fp16"]
    assert sum(layer["measured"] for layer in fp16["layers"]) == 3 and fp16["measured_share"] > 0.9


@pytest.mark.parametrize(
    ("facts", "options", "why"),
    [
        ({}, ["--board", "nano"], "measured on tx2 and does not hold for Jetson Nano"),
        ({}, ["--board", "tx2", "--mode", "maxq"], "of power mode MAXN and does not hold for MAXQ: give --mode MAXN"),
        ({}, ["--batch", "8"], "of batch 1 and does not hold for 8: give --batch 1"),
        ({"precision": "int8"}, [], "of precision int8 and does not hold for fp32, fp16"),
        ({"board": None}, [], "measured on ARMv8, which is no board of the table"),
        ({"board": "tx9"}, [], "there is no board 'tx9'"),
    ],
)
def test_a_probe_of_something_else_is_one_line_and_2(edgesynth, tmp_path, facts, options, why):
    write_probe(tmp_path / "t.json", residual(tmp_path / "m.onnx"), **facts)
    done = edgesynth("plan", "m.onnx", "--probe", "t.json", *options, cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n"), done.stdout) == (2, 1, "")
    assert why in done.stderr


def test_a_board_that_a_file_describes_is_planned_for_as_one_of_the_table(edgesynth, tmp_path):
    lenet(tmp_path / "m.onnx", opset=13)
    facts = facts_of(next(board for board in BOARDS if board.name == "agx-orin"))
    (tmp_path / "mine.json").write_text(json.dumps({**facts, "name": "mine", "title": "My board"}))
    mine, orin = (
        edgesynth("plan", "m.onnx", "--board", board, "--json", cwd=tmp_path) for board in ("mine.json", "agx-orin")
    )
    assert mine.returncode == 0, mine.stderr
    mine, orin = json.loads(mine.stdout), json.loads(orin.stdout)
    assert (mine["board"], mine["title"], mine["tensorrt"]) == ("mine", "My board", orin["tensorrt"])
    latencies = [
        [build["predicted"]["latency_ms"] for build in plan["builds"] if build["predicted"]] for plan in (mine, orin)
    ]
    assert latencies[0] == latencies[1] != []


def test_a_file_that_describes_no_board_is_a_mistake_of_one_line(edgesynth, refused, tmp_path):
    lenet(tmp_path / "m.onnx", opset=13)
    (tmp_path / "mine.json").write_text('{"name": "mine", "sm": 87}')
    done = edgesynth("plan", "m.onnx", "--board", "mine.json", cwd=tmp_path)
    refused(done, "mine.json has sm 87; it must be the compute capability, such as [8, 7]")


def test_build_says_what_nvidia_s_compiler_makes_of_every_form(edgesynth, tmp_path):
    plain = residual(tmp_path / "model.onnx")
    quantized(plain, tmp_path / "q.onnx")
    done = edgesynth("plan", "q.onnx", "--board", "orin", "--build", "--gpu", "sm89", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "NVIDIA TensorRT for RTX 1.7.1.116, built for sm89 at batch 1" in done.stdout
    assert "building q.onnx for sm89" in done.stderr
    lines = done.stdout.splitlines()
    row = next(line.split() for line in lines if line.startswith("int8  yes"))
    assert row[:3] == ["int8", "yes", "yes"] and row[4] in ("99%", "100%")
    assert any(line.startswith("correlation") and line.endswith("3 -> 4 channels in") for line in lines)


def test_build_in_json_has_every_layer(edgesynth, tmp_path):
    residual(tmp_path / "m.onnx")
    document = json.loads(edgesynth("plan", "m.onnx", "--board", "orin", "--build", "--json", cwd=tmp_path).stdout)
    file = document["compiled"]["fp32"]
    assert document["plan"]["board"] == "agx-orin" and file["built"] and file["int8_share_of_macs"] == 0
    assert [product["node"] for product in file["products"]] == ["stem", "block_conv", "fc"]
    assert file["kernels"] == len(file["layers"]) and {"kind", "inputs", "nodes"} <= set(file["layers"][0])


def test_a_file_that_the_compiler_refuses_ends_with_1_and_its_words(edgesynth, tmp_path):
    single(tmp_path / "m.onnx", "Det")
    done = edgesynth("plan", "m.onnx", "--build", cwd=tmp_path)
    assert done.returncode == 1
    row = next(line for line in done.stdout.splitlines() if line.startswith("fp32"))
    assert row.split()[1:3] == ["NO", "NO"] and "Det (it)" in row


def test_gpu_without_build_and_an_unknown_gpu_are_refused(edgesynth, tmp_path):
    residual(tmp_path / "m.onnx")
    done = edgesynth("plan", "m.onnx", "--gpu", "sm86", cwd=tmp_path)
    assert done.returncode == 2 and "give --build too" in done.stderr
    done = edgesynth("plan", "m.onnx", "--build", "--gpu", "sm87", cwd=tmp_path)
    assert done.returncode == 2 and "--gpu is sm87; TensorRT for RTX builds for: sm75, " in done.stderr


def test_without_the_extra_build_says_how_to_get_it(edgesynth, tmp_path):
    residual(tmp_path / "m.onnx")
    broken = tmp_path / "elsewhere" / "tensorrt_rtx_bindings"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise ImportError('libtensorrt_rtx.so.1: no such file')\n")
    done = edgesynth("plan", "m.onnx", "--build", cwd=tmp_path, env={"PYTHONPATH": str(broken.parent)})
    assert done.returncode == 2 and "libtensorrt_rtx.so.1: no such file" in done.stderr
    assert done.stderr.rstrip().endswith("pip install 'edgesynth[tensorrt-rtx]'")
