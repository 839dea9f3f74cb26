"""Help comes at once: it imports no library that a command needs, and needs no script on the PATH."""

import re
import subprocess
import sys
from inspect import signature

import click
import pytest
from click.testing import CliRunner

from edgesynth import __version__
from edgesynth.benchmark.engines import ENGINES
from edgesynth.benchmark.probe.settings import ProbeSettings
from edgesynth.benchmark.remote import LOCAL, Options
from edgesynth.cli import COMMANDS, group
from edgesynth.cli.commands.evolve import command as evolve
from edgesynth.cli.options.evolve_options import COMMON
from edgesynth.cli.options.headed_command import HeadedCommand
from edgesynth.evolution import EXECUTORS
from edgesynth.export import export_individual

LIBRARIES = {"torch", "torchvision", "numpy", "scipy", "sklearn", "onnx", "onnxruntime", "onnxslim", "onnxscript"}
LIBRARIES |= {"matplotlib", "PIL", "jinja2", "rich", "safetensors", "pydantic", "ray"}
# The options of evolve are the fields of a pydantic model, and data has some of its defaults.
NEEDED = {"evolve": {"pydantic"}, "data": {"pydantic"}}


TIMING = ("duration_s", "warm_up_s", "threads", "scenario")


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
        ("evolve", "--remote-python", [f"default: {Options().python}"]),
        *[("benchmark", f"--{name.replace('_', '-')}", [f"default: {getattr(Options(), name)}"]) for name in TIMING],
        *[
            ("probe", f"--{name.replace('_', '-')}", [f"default: {value}"])
            for name, value in ProbeSettings()._asdict().items()
        ],
        *[
            (
                "export",
                f"--{name.replace('_', '-')}",
                [f"default: {signature(export_individual).parameters[name].default}"],
            )
            for name in ("samples", "max_int8_loss", "license", "int8_cpu_target", "int8_cpu_layers")
        ],
    ],
)
def test_help_names_what_it_does_not_import(command, option, words):
    shown = "--help-all" if command == "evolve" else "--help"
    text = CliRunner().invoke(group, [command, shown]).output
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


def options_in(text):
    """Names of the options that a help has a line of."""
    return re.findall(r"^  (?:-\w, )?(--[a-z0-9-]+)", text, re.MULTILINE)


def test_the_help_of_evolve_is_the_few_options_that_people_need_and_says_where_the_rest_is():
    text = CliRunner().invoke(group, ["evolve", "--help"]).output
    shown = options_in(text)
    assert len(shown) == len(COMMON) + 2 <= 18 and shown[-2:] == ["--help-all", "--help"]
    assert f"{len(evolve.params) - len(COMMON) - 1} more options are under `" in text and "evolve --help-all`" in text


def test_help_all_has_every_option_of_evolve_once_by_headings_and_experiments_last():
    text = CliRunner().invoke(group, ["evolve", "--help-all"]).output
    assert sorted(options_in(text)) == sorted(max(option.opts, key=len) for option in evolve.params)
    headings = re.findall(r"^([A-Z].*):$", text, re.MULTILINE)
    assert headings[0] == "Network and data"
    assert headings[-2:] == ["Controls, for experiments", "Experimental: generative synthesis"]
    assert options_in(text)[-4:] == ["--strategy", "--search", "--probes", "--probe-epochs"]


def test_an_option_without_a_heading_stands_with_the_one_before_it():
    headed = HeadedCommand(
        "some",
        params=[click.Option([name]) for name in ("--first", "--new", "--second")],
        common=["first"],
        headings={"One": ["first"], "Two": ["second", "help_all"]},
    )
    placed = {heading: [option.name for option in options] for heading, options in headed.by_heading().items()}
    assert placed == {"One": ["first", "new"], "Two": ["second", "help_all"]}
