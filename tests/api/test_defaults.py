"""What is left out means the same on the command line and in Python: every option of every command."""

import ast
from inspect import Parameter, signature
from pathlib import Path

import pytest

import edgesynth
from edgesynth import defaults
from edgesynth.ancestors.inspection import inspect_network
from edgesynth.api import compare, measure, plan, replay
from edgesynth.benchmark.engines.ways import Ways
from edgesynth.benchmark.probe.probing import probe
from edgesynth.benchmark.probe.settings import ProbeSettings
from edgesynth.benchmark.remote import Options
from edgesynth.benchmark.verify.verification import verify
from edgesynth.cli import COMMANDS, group
from edgesynth.config import Config, default_of
from edgesynth.evolution import build_executor, evolve
from edgesynth.evolution.preflight.training_memory import memory_needed
from edgesynth.export import export_individual, instrument_for
from edgesynth.planning.compiler.building import compile_files
from edgesynth.report import write_report
from edgesynth.tasks.survey import survey

# Of each command: the functions and the tables of options that it fills, and how Python spells what is named otherwise.
BEHIND = {
    "evolve": (Config, build_executor, instrument_for, evolve),
    "data": (survey, memory_needed),
    "replay": (replay,),
    "anatomy": (inspect_network,),
    "export": (export_individual,),
    "verify": (verify,),
    "plan": (plan, compile_files),
    "benchmark": (measure, Options, Ways),
    "probe": (probe, ProbeSettings),
    "compare": (compare,),
    "report": (write_report,),
}
SPELLED = {
    **{("benchmark", "precision"): "precisions", ("benchmark", "batch"): "batches"},
    ("benchmark", "remote_python"): "python",
    **{("compare", "tolerance"): "tolerance_percent", ("export", "output"): "out", ("anatomy", "inputs"): "shapes"},
    **{("evolve", "remote_python"): "python", ("evolve", "executor"): "name"},
}
# Of the command line alone: how it prints, what a function takes as an object, and which of two functions is called.
OF_THE_COMMAND = {
    "grid",
    "build",
    "profiles",
    "as_json",
    "verbose",
    "quiet",
    "debug",
    "help_all",
    "config_file",
    "path",
}


def python_defaults(command):
    """{name: default} of what Python takes; `Parameter.empty` where it must be given."""
    taken = {}
    for behind in reversed(BEHIND[command]):
        if behind is Config:
            taken.update({name: default_of(name) for name in Config.model_fields})
        else:
            taken.update({name: parameter.default for name, parameter in signature(behind).parameters.items()})
    return taken


def options(command):
    return [option for option in group.get_command(None, command).params if option.param_type_name == "option"]


CASES = [
    (command, option)
    for command in COMMANDS
    for option in options(command)
    if option.name not in OF_THE_COMMAND and not option.is_eager
]


@pytest.mark.parametrize(("command", "option"), CASES, ids=lambda part: getattr(part, "name", part))
def test_an_option_that_is_left_out_is_what_python_takes(command, option):
    default = python_defaults(command)[SPELLED.get((command, option.name), option.name)]
    left_out = group.get_command(None, command).make_context(command, [], resilient_parsing=True).params[option.name]
    if default is Parameter.empty:
        assert option.required or left_out in (None, (), defaults.EXECUTOR, Config.model_fields["batch_size"].default)
    elif left_out is None:
        assert default is None or f"[default: {default}]" in option.help  # the function's own is taken
    else:
        assert (left_out, type(left_out)) == (default, type(default))


def test_no_command_writes_a_number_or_a_text_as_a_default():
    """They stand in `edgesynth/defaults.py`, where the functions have theirs from."""
    package = Path(edgesynth.__file__).parent
    written = [
        f"{path.name}, line {node.lineno}: {ast.unparse(keyword)}"
        for path in sorted((package / "cli").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "click.option"
        for keyword in node.keywords
        if keyword.arg == "default"
        and isinstance(keyword.value, ast.Constant)
        and keyword.value.value not in (None, True)
    ]
    assert written == []
