"""What the README tells people to type exists, and what it points to is there."""

import re
import shlex

import click
import pytest

from edgesynth.cli import COMMANDS, group
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text()
CALLS = sorted({line.strip() for line in re.findall(r"(?:^|`)\s*(edgesynth [a-z].*?)(?:`|$)", README, re.MULTILINE)})


def options(command):
    context = click.Context(group)
    parameters = group.get_command(context, command).params
    return {name for parameter in parameters for name in (*parameter.opts, *parameter.secondary_opts)}


def test_the_readme_shows_every_command():
    assert {call.split()[1] for call in CALLS} >= set(COMMANDS)


@pytest.mark.parametrize("call", CALLS)
def test_every_call_in_the_readme_names_a_command_and_options_that_exist(call):
    _, command, *arguments = shlex.split(call.split("->")[0])
    assert command in COMMANDS
    given = {argument for argument in arguments if argument.startswith("-")}
    assert given <= options(command) | {"--help"}


@pytest.mark.parametrize("option", sorted(set(re.findall(r"`(--[a-z0-9-]+)", README)) - {"--help"}))
def test_every_option_the_readme_speaks_of_exists(option):
    assert any(option in options(command) for command in COMMANDS)


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#]+)\)", README))
def test_every_link_holds_wherever_the_readme_is_read(link):
    assert link.startswith("https://arxiv.org/abs/")


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`(\w+/[\w/.]+\.(?:md|yaml|sh))`", README))))
def test_every_file_of_the_repository_that_the_readme_names_exists(path):
    assert (ROOT / path).is_file()


@pytest.mark.parametrize("target", re.findall(r"`?make ([a-z]+)", README))
def test_every_make_target_of_the_readme_exists(target):
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_every_benchmark_named_in_its_readme_exists_and_its_table_has_a_place():
    readme = (ROOT / "benchmarks/README.md").read_text()
    for script in re.findall(r"python (benchmarks/\w+\.py)", readme):
        assert (ROOT / script).is_file()
    assert re.findall(r"<!-- (\w+) -->", readme) == re.findall(r"<!-- /(\w+) -->", readme)


def test_the_figures_are_those_that_the_benchmarks_have_left(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import headlines

    assert f"<!-- headlines -->\n{headlines.table()}\n<!-- /headlines -->" in README
