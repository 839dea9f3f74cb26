"""Help comes at once: it imports no library that a command needs, and needs no script on the PATH."""

import re
import subprocess
import sys

import pytest
from click.testing import CliRunner

from edgesynth import __version__
from edgesynth.benchmark.engines import ENGINES
from edgesynth.benchmark.remote import LOCAL, Options
from edgesynth.cli import COMMANDS, group
from edgesynth.evolution import EXECUTORS

LIBRARIES = {"torch", "torchvision", "numpy", "scipy", "sklearn", "onnx", "onnxruntime", "onnxslim", "onnxscript"}
LIBRARIES |= {"matplotlib", "PIL", "jinja2", "rich", "safetensors", "pydantic", "ray"}
# The options of evolve are the fields of a pydantic model: help cannot be had without it.
NEEDED = {"evolve": {"pydantic"}}


def imported(profile):
    """Top modules of what `-X importtime` lists."""
    return set(re.findall(r"^import time: .*\| +(\w+)$", profile, re.MULTILINE))


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_imports_no_library_that_it_can_do_without(console_script, tmp_path, command):
    result = console_script(*filter(None, [command]), "--help", cwd=tmp_path, env={"PYTHONPROFILEIMPORTTIME": "1"})
    assert result.returncode == 0 and result.stdout.startswith(f"Usage: edgesynth {command or '['}")
    assert "click" in imported(result.stderr)
    assert imported(result.stderr) & LIBRARIES == NEEDED.get(command, set())


@pytest.mark.parametrize(
    ("command", "option", "words"),
    [
        ("benchmark", "--engine", sorted(ENGINES)),
        ("probe", "--engine", sorted(ENGINES)),
        ("benchmark", "--on", [f"default: {LOCAL}"]),
        ("benchmark", "--remote-python", [f"default: {Options().python}"]),
        ("evolve", "--executor", EXECUTORS),
    ],
)
def test_help_names_what_it_does_not_import(command, option, words):
    text = CliRunner().invoke(group, [command, "--help"]).output
    (described,) = re.findall(rf"^  {option} .*(?:\n {{4,}}.*)*", text, re.MULTILINE)
    assert [word for word in words if word not in " ".join(described.split())] == []


@pytest.mark.parametrize("call", [["edgesynth"], ["-m", "edgesynth"]], ids=" ".join)
def test_without_a_command_help_is_printed_and_all_is_well(console_script, tmp_path, call):
    if call[0] == "-m":
        result = subprocess.run([sys.executable, *call], cwd=tmp_path, capture_output=True, text=True)
    else:
        result = console_script(cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("Usage: edgesynth [OPTIONS] COMMAND")
    assert [command for command in COMMANDS if f"\n  {command} " not in result.stdout] == []


def test_the_version_is_that_of_the_package_by_script_and_by_module(console_script, tmp_path):
    module = subprocess.run(
        [sys.executable, "-m", "edgesynth", "--version"], cwd=tmp_path, capture_output=True, text=True
    )
    assert console_script("--version", cwd=tmp_path).stdout == module.stdout == f"edgesynth, version {__version__}\n"


def test_a_mistake_by_module_is_one_line_and_2(tmp_path, refused):
    refused(
        subprocess.run([sys.executable, "-m", "edgesynth", "evlove"], cwd=tmp_path, capture_output=True, text=True),
        "No such command 'evlove'",
        "edgesynth --help",
    )
