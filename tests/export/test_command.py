import json

import onnx
import pytest
from click.testing import CliRunner

from edgesynth.cli.commands.export import command
from edgesynth.export.bundle import bundle

from .conftest import OFFSPRING, damage, tree


def test_a_bare_run_exports_its_best_and_says_what_is_next(run, called):
    code, out, err = called("export", "run", "--samples", "20", "-o", "b")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert [line[:13].rstrip() for line in lines[1:5]] == ["torch masked", "torch removed", "onnx fp32", "onnx fp16"]
    assert [line.split()[-1] for line in lines[:5]] == ["ok", "yes", "yes", "yes", "yes"]
    files = ["README.md", "layers.npz", "manifest.json", "model.fp16.onnx", "model.onnx", "ranges.json", "samples.npz"]
    assert [line.split()[-1] for line in lines[5:12]] == files
    size = (run.path.parent / "b" / "model.onnx").stat().st_size
    assert lines[9].split()[:2] == [f"{size / 1024:.1f}", "KiB"]
    assert lines[12:] == ["next: edgesynth benchmark b"]


def test_the_bundle_is_verified_and_a_changed_one_is_not(run, called):
    called("export", "run", "--int8", "--samples", "20", "--batch", "8", "--opset", "17", "--license", "MIT", "-o", "b")
    manifest = json.loads((run.path.parent / "b" / "manifest.json").read_text())
    assert manifest["license"] == "MIT"
    assert {(facts["opset"], facts["batch"]) for facts in manifest["models"].values()} == {(17, 8)}
    code, out, err = called("verify", "b")
    assert (code, err) == (0, "")
    assert [line.split()[-1] for line in out.splitlines()[:5]] == ["ok", "yes", "yes", "yes", "yes"]
    (run.path.parent / "b" / "layers.npz").write_bytes(b"")
    code, out, err = called("verify", "b")
    assert (code, out) == (2, "")
    assert "b/layers.npz is not the file that was exported" in err


def test_the_bundle_can_be_benchmarked_as_the_last_line_says(run, called):
    called("export", f"run:{OFFSPRING}", "--int8", "--int8-cpu-target", "vnni", "--samples", "20")
    manifest = json.loads((run.path / "bundles" / OFFSPRING / "manifest.json").read_text())
    facts = manifest["models"]["int8-cpu"]
    assert (facts["exact_on"], facts["calibration"]["weights"]) == ("vnni", "int8")
    code, out, _ = called("benchmark", f"run/bundles/{OFFSPRING}", "--duration-s", "0.1", "--warm-up-s", "0.01")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()[1:3]] == ["fp32", "int8"]


def test_both_latencies_are_printed_and_the_manifest_holds_what_the_file_is(run, called):
    """Which layers are INT8 depends on this machine; that file, manifest, README and words agree does not."""
    code, out, _ = called("export", "run", "--int8", "--samples", "20", "-o", "b")
    assert code == 0
    folder = run.path.parent / "b"
    speed = json.loads((folder / "manifest.json").read_text())["models"]["int8-cpu"]["speed"]
    figures, advice, built = out.splitlines()[-4:-1]
    assert built.startswith("TensorRT for RTX 1.7.1.116 (sm86) runs 4 of the 4 layers that the INT8 file quantizes")
    assert f"fp32 {speed['fp32_ms']:.3g} ms, int8 {speed['int8_ms']:.3g} ms" in figures
    assert ("On such a CPU use model.onnx" in advice) == (speed["recommended"] == "fp32")
    assert ("times as fast as fp32 on" in figures) == (speed["recommended"] == "int8-cpu")
    assert f"{figures} {advice}" in (folder / "README.md").read_text()
    assert speed["int8_ms"] <= speed["all_int8_ms"]
    model = onnx.load(str(folder / "model.int8-cpu.onnx"))
    dequantized = {name for node in model.graph.node if node.op_type == "DequantizeLinear" for name in node.output}
    layers = [node for node in model.graph.node if node.op_type in ("Conv", "Gemm")]
    assert [node.name for node in layers if node.input[1] in dequantized] == speed["int8_layers"]
    assert {node.name for node in layers} == {*speed["int8_layers"], *speed["fp32_layers"]}


def test_json_holds_the_speed_of_int8_where_all_layers_are_asked_for(run, called):
    code, out, _ = called("export", "run", "--int8", "--int8-cpu-layers", "all", "--samples", "20", "--json")
    speed = json.loads(out)["int8_cpu_speed"]
    assert (code, speed["asked_for"], speed["fp32_layers"], len(speed["int8_layers"])) == (0, "all", [], 4)
    assert speed["int8_ms"] == speed["all_int8_ms"]


def test_a_lossy_int8_model_is_a_warning_with_figures_and_advice(run, monkeypatch):
    best = bundle.quantize_best

    def damaged(source, dialect, path, max_loss):
        found = best(source, dialect, path, max_loss)
        if dialect.key == "int8":
            damage(path, "images_scale", 0.02)
        return found

    monkeypatch.setattr(bundle, "quantize_best", damaged)
    result = CliRunner().invoke(command, [f"{run.path}:{OFFSPRING}", "--int8", "--samples", "64"])
    assert result.exit_code == 0
    (warning,) = [line for line in result.output.splitlines() if line.startswith("warning: ")]
    assert "onnx int8 against onnx fp32" in warning
    assert "allowed is a loss of 0.5 points" in warning
    assert "model.onnx at fp16, or calibrate with more --samples" in warning
    assert [line.split()[-1] for line in result.output.splitlines() if line.startswith("onnx int8 ")] == ["NO"]


def _taken(run):
    (run.path / "bundles" / OFFSPRING).mkdir(parents=True)
    (run.path / "bundles" / OFFSPRING / "mine.txt").write_text("mine")


def _no_best(run):
    run.save_outcome({"best": None})


def _unfinished(run):
    (run.path / "outcome.json").unlink()


def _nan(run):
    individual = run.load(OFFSPRING)
    individual.weights["fc1.weight"][0, 0] = float("nan")
    run.save(individual)


def _truncated(run):
    path = run.folder(OFFSPRING) / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:1000])


def _no_parent(run):
    (run.folder("g000-c0") / "individual.json").unlink()


def _file_in_the_way(run):
    (run.path.parent / "file").write_text("mine")


def _link(run):
    (run.path.parent / "empty").mkdir()
    (run.path.parent / "link").symlink_to("empty")


CASES = {
    "no run": (None, ["nowhere"], "nowhere is not a run"),
    "no individual": (None, ["run:g009-c9"], "has no individual 'g009-c9'; it has g000-c0, g001-c0"),
    "no best": (_no_best, ["run"], "has no best individual"),
    "unfinished": (_unfinished, ["run"], "continue it with edgesynth evolve --resume"),
    "folder taken": (_taken, ["run"], "exists already; delete it, or give another folder with -o"),
    "file as folder": (_file_in_the_way, ["run", "-o", "file"], "file exists already"),
    "a link": (_link, ["run", "-o", "link"], "link is a link, a mounted volume or the folder that you are in"),
    "folder in a file": (_file_in_the_way, ["run", "-o", "file/b"], "file is not a folder"),
    "no samples": (None, ["run", "--samples", "0"], "--samples is 0; give at least 1"),
    "opset too old": (None, ["run", "--opset", "12"], "--opset is 12; it must be 13 to 18"),
    "opset too new": (None, ["run", "--opset", "19"], "--opset is 19; it must be 13 to 18"),
    "batch 0": (None, ["run", "--batch", "0"], "--batch is 0; it must be 1 to 4096"),
    "no license": (None, ["run", "--license", ""], "--license is ''; give the name of the license"),
    "no int8": (None, ["run", "--int8-cpu-target", "vnni"], "is of model.int8-cpu.onnx, which --int8 writes"),
    "no int8, all layers": (
        None,
        ["run", "--int8-cpu-layers", "all"],
        "is of model.int8-cpu.onnx, which --int8 writes",
    ),
    "nan": (_nan, ["run"], "fc1.weight of run:g001-c0 holds nan or infinity"),
    "damaged weights": (_truncated, ["run"], "weights.safetensors is damaged: it has 1,000 bytes of 78,392"),
    "no parent": (_no_parent, ["run"], "has no individual 'g000-c0'"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_mistake_is_one_line_and_nothing_is_written(case, run, called):
    spoil, arguments, message = CASES[case]
    if spoil:
        spoil(run)
    before = tree(run.path.parent)
    code, out, err = called("export", *arguments)
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert err.startswith("edgesynth: ")
    assert message in err
    assert tree(run.path.parent) == before
