"""What the README and the pages of docs/ tell people to type exists, and what they point to is there."""

import re
import shlex

import click
import pytest
from PIL import Image

from benchmarks.shared import headlines, picture
from edgesynth.cli import COMMANDS, group
from edgesynth.cli.options_page import page
from tests.conftest import ROOT

OTHERS = ("architecture.md", "options.md")
README = (ROOT / "README.md").read_text()
# What people read to use it: not the map of the code.
PAGES = "\n".join(
    [README, *(path.read_text() for path in sorted((ROOT / "docs").glob("*.md")) if path.name not in OTHERS)]
)
CALLS = sorted({line.strip() for line in re.findall(r"(?:^|`)\s*(edgesynth [a-z].*?)(?:`|$)", PAGES, re.MULTILINE)})


def options(command):
    context = click.Context(group)
    parameters = group.get_command(context, command).params
    return {name for parameter in parameters for name in (*parameter.opts, *parameter.secondary_opts)}


def test_the_readme_is_at_most_8_kb():
    assert len(README.encode()) <= 8192


def test_the_readme_and_its_pages_show_every_command():
    assert {call.split()[1] for call in CALLS} >= set(COMMANDS)


@pytest.mark.parametrize("call", CALLS)
def test_every_call_names_a_command_and_options_that_exist(call):
    _, command, *arguments = shlex.split(call.split("->")[0])
    assert command in COMMANDS
    given = {argument for argument in arguments if argument.startswith("-")}
    assert given <= options(command) | {"--help"}


@pytest.mark.parametrize("option", sorted(set(re.findall(r"`(--[a-z0-9-]+)", PAGES)) - {"--help"}))
def test_every_option_that_is_spoken_of_exists(option):
    assert any(option in options(command) for command in COMMANDS)


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#]+)\)", PAGES))
def test_every_link_holds_wherever_the_page_is_read(link):
    assert link.startswith("https://arxiv.org/abs/")


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:[\w-]+/)*[\w.-]+\.(?:md|yaml|sh))`", PAGES))))
def test_every_file_of_the_repository_that_is_named_exists(path):
    assert (ROOT / path).is_file()


def test_every_page_of_docs_is_named_in_the_readme():
    assert [path.name for path in (ROOT / "docs").glob("*.md") if f"`docs/{path.name}`" not in README] == []


def test_the_picture_is_in_the_repository_and_has_words_where_it_is_not_shown():
    ((path, words),) = re.findall(r'<img src="([^"]+)" width="\d+" alt="([^"]+)">', README)
    assert (ROOT / path).is_file() and len(words) > 80


@pytest.mark.parametrize("target", re.findall(r"`?make ([a-z]+)", README))
def test_every_make_target_of_the_readme_exists(target):
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_the_figures_are_those_that_the_studies_have_left():
    assert f"<!-- headlines -->\n{headlines.table()}\n<!-- /headlines -->" in README


def test_the_picture_was_drawn_from_these_figures():
    with Image.open(picture.PICTURE) as drawn:
        assert drawn.text["Description"] == picture.digest(), "run python -m benchmarks.shared.picture"
    first, *_, last = picture.rows_of(headlines.table())
    assert (first.size, first.smaller_x, round(first.change_points, 2)) == ("125x synapses", 125.0, -0.27)
    assert (last.size, last.smaller_x, round(last.change_points, 2)) == ("17.5x parameters", 17.5, 0.62)


def test_the_page_of_options_is_what_the_code_gives():
    assert (ROOT / "docs/options.md").read_text() == page(), "run python -m edgesynth.cli.options_page docs/options.md"


def test_the_page_of_options_has_every_option_of_every_command():
    for command in COMMANDS:
        section = page().partition(f"\n## {command}\n")[2].partition("\n## ")[0]
        own = {option for option in options(command) if option[0] == "-"} - {
            "--json",
            "-v",
            "--verbose",
            "-q",
            "--quiet",
            "--debug",
        }
        assert set(re.findall(r"`(--?[a-z0-9-]+)`(?=,| \|)", section)) == own
    assert "| `--image-size` | 64 | side that tasks of files bring their images to, pixels; at least 1" in page()
