"""Options of `edgesynth evolve`: one for each field of the configuration, and those that are about the call alone."""

import pytest

from edgesynth.cli.commands.evolve import command
from edgesynth.config import INTERNAL, OF_THE_CALL
from edgesynth.lineage import Config, resolve

SAMPLES = {"integer": ("3", 3), "number": ("0.5", 0.5), "string": ("some", "some")}
FIELDS = [name for name in Config.model_fields if name not in INTERNAL]


def schema(name):
    """What pydantic says of a field, without the null of those that may be unset."""
    found = Config.model_json_schema()["properties"][name]
    return next((one for one in found.get("anyOf", []) if one["type"] != "null"), found)


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_is_an_option_that_gives_the_value_that_was_written(name):
    field, option = schema(name), f"--{name.replace('_', '-')}"
    if field["type"] == "boolean":
        for arguments, value in (([option], True), ([option.replace("--", "--no-")], False)):
            assert command.make_context("evolve", arguments).params[name] is value
        return
    text, value = (field["enum"][-1],) * 2 if "enum" in field else SAMPLES[field["type"]]
    found = command.make_context("evolve", [option, text]).params[name]
    if name == "round_to":  # a number or a word is text until the configuration reads it
        found = resolve(None, {name: found}).round_to
    assert (str(found) if field.get("format") == "path" else found) == value


def test_every_other_option_is_known_as_one_of_the_call():
    assert {max(option.opts, key=len)[2:].replace("-", "_") for option in command.params} == {*FIELDS, *OF_THE_CALL}


@pytest.mark.parametrize("name", [name for name in FIELDS if "enum" in schema(name)])
def test_the_help_of_a_choice_has_its_words_whether_it_may_be_unset_or_not(name):
    option = next(one for one in command.params if one.name == name)
    assert f": {' or '.join(schema(name)['enum'])}" in option.help
    assert option.type.name == "text"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--docker"], ["--docker is for another machine and --measure-on is not given; add --measure-on ssh://"]),
        (["--remote-python", "python3"], ["--remote-python is for another machine and --measure-on is not given"]),
        (["--docker", "--measure-on", "local"], ["--docker is for another machine and --measure-on is local"]),
    ],
)
def test_what_only_another_machine_has_a_use_for_is_refused_without_one(tmp_path, edgesynth, refused, arguments, words):
    refused(edgesynth("evolve", "--ancestor-epochs", 0, *arguments, "--run", "run", cwd=tmp_path), *words)
    assert list(tmp_path.iterdir()) == []


def test_a_refusal_of_an_option_that_a_file_sets_names_the_file(tmp_path, edgesynth, refused):
    (tmp_path / "mine.toml").write_text('ancestor = "lenet5"\nmax_macs = 16025\nkeep = 1.5\n')
    call = ["evolve", "--config", "mine.toml", "--run", "run"]
    refused(edgesynth(*call, cwd=tmp_path), "edgesynth: mine.toml: --keep is 1.5")
    refused(edgesynth(*call, "--keep", "0.5", cwd=tmp_path), "edgesynth: mine.toml: --max-macs is 16,025")
    refused(edgesynth(*call, "--keep", "0.5", "--max-macs", "16025", cwd=tmp_path), "edgesynth: --max-macs is 16,025")
