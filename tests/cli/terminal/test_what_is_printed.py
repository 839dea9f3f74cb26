"""One journey whose names a terminal, rich or HTML would obey: they are printed as they are, and so is JSON."""

import ast
import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import edgesynth.cli
from edgesynth.cli import COMMANDS
from edgesynth.cli.terminal.output import print_json
from tests.conftest import ROOT

COMMANDS_PAGE = (ROOT / "docs/commands.md").read_text()
CLEAR = "\x1b[2J"
TITLE = "\x1b]0;owned\x07"
TURNED = "\u202e"
RUN = f"run[final]{CLEAR}\nedgesynth: all is well"
CLASSES = (f"_[red]{TITLE}", f"[b]:smile:{TURNED}")
LAYER = f"[/bold]{TURNED}conv"
BROKEN = f"[red]{CLEAR}.png"
RUN_SHOWN = r"run[final]\x1b[2J\nedgesynth: all is well"
CLASSES_SHOWN = (r"_[red]\x1b]0;owned\x07", r"[b]:smile:\u202e")
LAYER_SHOWN = r"[/bold]\u202econv"
BROKEN_SHOWN = r"[red]\x1b[2J.png"

NETWORK = f"""
from torch import nn


def build(num_classes=2):
    net = nn.Sequential()
    net.add_module({LAYER!r}, nn.Conv2d(3, 8, 3, stride=2))
    net.add_module("relu", nn.ReLU())
    net.add_module("flat", nn.Flatten())
    net.add_module("head", nn.Linear(8 * 49, num_classes))
    return net
"""
TINY = ["--ancestor-epochs", "1", "--epochs", "1", "--final-epochs", "1", "--generations", "1", "--offspring", "1"]
TINY += ["--image-size", "16", "--min-accuracy", "0", "--threads", "1"]
BRIEF = ["--duration-s", "0.05", "--warm-up-s", "0", "--idle-s", "0"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A network and images with such names."""
    folder = tmp_path_factory.mktemp("names")
    (folder / "mynet.py").write_text(NETWORK)
    draws = np.random.default_rng(0)
    for shade, name in enumerate(CLASSES):
        for index in range(12):
            file = folder / "photos" / name / f"{index}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(draws.integers(100 * shade, 100 * shade + 99, (16, 16, 3), dtype=np.uint8)).save(file)
    (file.parent / BROKEN).write_text("no image")
    return folder


BUNDLE = f"{RUN}/bundles/{CLEAR}"
EVOLVE = ["evolve", "--ancestor", "mynet:build", "--task", "imagefolder:photos", *TINY, "--run", RUN]


@pytest.fixture(scope="module")
def printed(edgesynth, folder):
    """{command: what it printed}, from the images to the report, in this order."""
    calls = {
        "data": ["data", "check", "photos", "--image-size", "16"],
        "anatomy": ["anatomy", "mynet:build", "--input", "1x3x16x16"],
        "evolve": EVOLVE,
        "replay": ["replay", RUN],
        "export": ["export", RUN, "--int8", "--samples", "8", "-o", BUNDLE],
        "verify": ["verify", BUNDLE],
        "plan": ["plan", BUNDLE, "--board", "tx2"],
        "benchmark": ["benchmark", BUNDLE, *BRIEF],
        "compare": ["compare", f"{BUNDLE}/result.json", f"{TITLE}.json"],
        "report": ["report", RUN],
        "refused": ["report", f"no {RUN}"],
    }
    results = {}
    for name, arguments in calls.items():
        if name == "compare":
            shutil.copy(folder / BUNDLE / "result.json", folder / f"{TITLE}.json")
        result = edgesynth(*arguments, cwd=folder)
        assert result.returncode == (2 if name == "refused" else 0), f"{name}: {result.stdout}{result.stderr}"
        results[name] = result.stdout + result.stderr
    return results


def test_nothing_that_a_terminal_obeys_is_printed(printed):
    for name, text in printed.items():
        acting = {character for character in text if not character.isprintable()} - {"\n"}
        assert not acting, f"{name} prints {acting}"
        assert not [line for line in text.splitlines() if line.startswith("edgesynth: all is well")], name


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("data", BROKEN_SHOWN),
        ("data", CLASSES_SHOWN[1]),
        ("anatomy", LAYER_SHOWN),
        ("evolve", BROKEN_SHOWN),
        ("evolve", f"edgesynth export '{RUN_SHOWN}' --int8"),
        ("replay", f"{RUN_SHOWN}:g00"),
        ("export", f"edgesynth benchmark '{RUN_SHOWN}/bundles/\\x1b[2J'"),
        ("benchmark", f"written: {RUN_SHOWN}/bundles/\\x1b[2J/result.json"),
        ("compare", f"{RUN_SHOWN}/bundles/\\x1b[2J/result.json"),
        ("compare", r"\x1b]0;owned\x07.json"),
        ("report", f"{RUN_SHOWN}/report.html"),
        ("refused", f"edgesynth: no {RUN_SHOWN} is not a run"),
    ],
)
def test_a_name_is_there_to_its_last_character(printed, command, shown):
    assert shown in printed[command]


def test_what_is_being_done_is_shown_literally_on_a_terminal(edgesynth, folder):
    result = edgesynth("anatomy", f"[/x]{TITLE}:build", cwd=folder, env={"FORCE_COLOR": "1"})
    assert result.returncode == 2
    assert r"building [/x]\x1b]0;owned\x07:build" in result.stderr and TITLE not in result.stderr


def test_the_report_s_page_shows_names_as_text(folder, printed):
    page = (folder / RUN / "report.html").read_text()
    assert "\x1b" not in page and TURNED not in page
    assert all(shown in page for shown in (LAYER_SHOWN, *CLASSES_SHOWN, RUN_SHOWN))


@pytest.mark.parametrize(
    ("name", "shown"), [("\u767d", r"\u767d"), (os.fsdecode(b"caf\xff"), r"caf\xff")], ids=["no letter", "no UTF-8"]
)
def test_a_name_that_the_terminal_has_no_letters_for_is_no_traceback(console_script, refused, tmp_path, name, shown):
    refused(console_script("verify", name, cwd=tmp_path, env={"PYTHONIOENCODING": "latin-1"}), f"edgesynth: {shown} is")


PRINTERS = {"__init__.py", "output.py", "console.py", "logs.py"}
PRINTING = {"echo", "secho", "print", "Console", "Table", "from_markup"}


@pytest.mark.parametrize(
    "path", [path for path in Path(edgesynth.cli.__file__).parent.rglob("*.py") if path.name not in PRINTERS], ids=str
)
def test_commands_print_through_what_prints_literally_alone(path):
    """Else the next table would read names as markup again."""
    calls = [node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    assert not {getattr(call, "attr", getattr(call, "id", "")) for call in calls} & PRINTING


@pytest.fixture(scope="module")
def documents(edgesynth, folder, printed):
    """{command: what it gives with --json}, of the same journey."""
    calls = {
        "data": ["data", "check", "photos", "--image-size", "16"],
        "anatomy": ["anatomy", "mynet:build", "--input", "1x3x16x16"],
        "evolve": [*EVOLVE, "--resume"],
        "replay": ["replay", RUN],
        "export": ["export", RUN, "--samples", "8", "-o", "bundle"],
        "verify": ["verify", BUNDLE],
        "plan": ["plan", BUNDLE, "--board", "tx2"],
        "benchmark": ["benchmark", "bundle", *BRIEF],
        "probe": ["probe", "bundle", "-o", "table.json", "--duration-s", "0.1", "--each-s", "0.01"],
        "compare": ["compare", f"{BUNDLE}/result.json", f"{TITLE}.json"],
        "report": ["report", RUN],
    }
    results = {}
    for name, arguments in calls.items():
        result = edgesynth(*arguments, "--json", cwd=folder)
        assert result.returncode == 0, f"{name}: {result.stdout}{result.stderr}"
        assert result.stdout.isascii()
        results[name] = json.loads(result.stdout)
    return results


def test_every_command_gives_the_keys_that_the_docs_list(documents):
    rows = re.findall(r"^\| `(\w+)` \| (`.*`) \|", COMMANDS_PAGE.partition("## For programs")[2], re.MULTILINE)
    listed = {command: re.findall(r"`(\w+)`", keys) for command, keys in rows}
    assert listed == {command: list(documents[command]) for command in COMMANDS}


def test_json_holds_the_names_themselves(documents):
    assert set(documents["data"]["splits"]["train"]) == set(CLASSES)
    assert LAYER in {layer["name"] for layer in documents["anatomy"]["census"]["layers"]}
    assert documents["report"]["report"] == f"{RUN}/report.html"


def test_evolve_and_report_give_every_individual_with_its_figures(documents, printed, folder):
    evolved = documents["evolve"]
    assert evolved["run"] == RUN and evolved["best"] == "g001-c0"
    ancestor, best = evolved["individuals"]
    record = json.loads((folder / RUN / "individuals/g001-c0/individual.json").read_text())
    assert (ancestor["individual"], best["individual"]) == ("g000-c0", "g001-c0")
    assert (best["synapses"], best["macs"]) == (record["census"]["synapses"], record["census"]["macs"])
    assert (
        f"test accuracy {best['test_percent']:.2f} % (ancestor {ancestor['test_percent']:.2f} %)" in printed["evolve"]
    )
    assert documents["report"]["individuals"] == evolved["individuals"]


def test_export_and_verify_give_the_hops_of_the_ledger(documents, printed, folder):
    exported, verified = documents["export"], documents["verify"]
    manifest = json.loads((folder / "bundle/manifest.json").read_text())
    assert exported["ledger"] == manifest["ledger"] and exported["ok"] is True
    written = {*manifest["files"], "manifest.json"}
    assert exported["files"] == {name: (folder / "bundle" / name).stat().st_size for name in written}
    assert [hop["hop"] for hop in verified["hops"]] == ["onnx fp32", "onnx fp16", "onnx int8", "onnx int8-cpu"]
    assert verified["ok"] is True and verified["hops"][0]["change_points"] == 0.0


def test_benchmark_gives_what_it_writes_and_compare_its_ratios(documents, folder):
    written = json.loads((folder / "bundle/result.json").read_text())
    assert written.pop("sha256") and documents["benchmark"] == written
    compared = documents["compare"]
    (comparison,) = compared["comparisons"]
    assert {change["faster_x"] for change in comparison["changes"]} == {1.0} and compared["regressed"] is False


def test_probe_and_replay_say_what_was_found(documents, folder):
    table = json.loads((folder / "table.json").read_text())
    assert documents["probe"]["measured_widths"] == sum(len(stairs["steps"]) for stairs in table["staircases"])
    assert documents["replay"] == {"run": RUN, "individual": "g001-c0", "equal": True, "difference": None}


def test_a_refusal_is_one_line_on_standard_error_and_nothing_on_standard_output(edgesynth, refused, tmp_path):
    for command, *arguments in (["plan", "none"], ["verify", "none"], ["report", "none"], ["compare", "a", "b"]):
        result = edgesynth(command, *arguments, "--json", cwd=tmp_path)
        refused(result)
        assert result.stdout == ""


def test_json_has_null_where_a_number_is_not_finite(capsys):
    print_json({"loss": [float("nan"), 1.5], "rate": float("inf"), "path": Path("a/b")})
    assert json.loads(capsys.readouterr().out) == {"loss": [None, 1.5], "rate": None, "path": "a/b"}
