"""What a type checker knows of the public names, and what it refuses."""

import os
import re
import subprocess
import sys
import types
from pathlib import Path
from typing import Union, get_args, get_origin, get_type_hints

import pytest

import edgesynth
from edgesynth.api.options import BundleOptions, MeasureOptions
from edgesynth.benchmark.remote import Options
from edgesynth.config import INTERNAL, Config, EvolveOptions
from edgesynth.export import export_individual
from tests.conftest import ROOT

RIGHT = """
import edgesynth
from torch import Tensor, nn

def prune(model: nn.Module, images: Tensor) -> nn.Module:
    anatomy = edgesynth.trace(model, (images,))
    small: nn.Module = edgesynth.remove(model, anatomy.plan({}))
    print(edgesynth.prove(model, anatomy, {}, (images,)).max_rel + 1)
    return small

run = edgesynth.evolve("lenet5", "digits", run="runs/digits", max_synapses=10_000, data_root="photos", keep=0.5)
accuracy: float = run.test_accuracy
network: nn.Module = edgesynth.load("runs/digits")
bundle = edgesynth.write_bundle("runs/digits", int8=True)
fits: bool = edgesynth.plan(bundle.path, "tx2").will_run
edgesynth.measure(bundle.path, output="a.json", threads=2)
regressions: list[str] = edgesynth.compare("a.json", "b.json").regressions
equal: bool = bool(edgesynth.replay("runs/digits:g001-c0"))
"""
WRONG = {
    'edgesynth.evolve("lenet5", "digits", run="r", keeep=0.5)': 'Unexpected keyword argument "keeep"',
    'edgesynth.evolve("lenet5", "digits", run="r", keep="half")': 'expected "float"',
    'edgesynth.evolve("lenet5", "digits", run="r", stress="much")': 'Argument "stress"',
    'edgesynth.evolv("lenet5", "digits", run="r")': 'Module has no attribute "evolv"',
    'edgesynth.write_bundle("r", int9=True)': 'Unexpected keyword argument "int9"',
    'edgesynth.measure("b", batch=8)': 'Unexpected keyword argument "batch"',
    'edgesynth.trace("lenet5", 1)': 'expected "Tensor | Sequence[Tensor]"',
}


@pytest.fixture(scope="module")
def checked(tmp_path_factory):
    """{line of the wrong file: what mypy says of it}, and what it says of the right file."""
    folder = tmp_path_factory.mktemp("typed")
    (folder / "right.py").write_text(RIGHT)
    (folder / "wrong.py").write_text("import edgesynth\n" + "\n".join(WRONG) + "\n")
    # By the project's own configuration, so that its cache serves here too.
    command = [sys.executable, "-m", "mypy", "--config-file", ROOT / "pyproject.toml", folder / "right.py"]
    done = subprocess.run(
        [*command, folder / "wrong.py"],
        cwd=ROOT,
        env={**os.environ, "MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    found = re.findall(r"^\S*?(right|wrong)\.py:(\d+): error: (.*)$", done.stdout, re.MULTILINE)
    wrong = {int(line) - 2: message for file, line, message in found if file == "wrong"}
    return wrong, [message for file, _, message in found if file == "right"]


def test_a_program_that_uses_every_function_as_it_is_meant_has_no_error_of_types(checked):
    assert checked[1] == []


@pytest.mark.parametrize("number", range(len(WRONG)), ids=list(WRONG))
def test_a_misspelt_name_or_option_and_a_wrong_type_are_refused(checked, number):
    assert list(WRONG.values())[number] in checked[0][number]


def as_given(annotation):
    """A type as a caller may give it: text is enough for a path."""
    options = get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)
    return {one for option in options for one in ((str, Path) if option is Path else (option,))}


def test_the_options_of_evolve_are_the_fields_of_the_configuration_and_of_their_types():
    fields = {name: kind for name, kind in get_type_hints(Config).items() if name in Config.model_fields}
    for name in ("ancestor", "task", *INTERNAL):
        del fields[name]
    typed = get_type_hints(EvolveOptions)
    assert list(typed) == list(fields)
    assert {name: as_given(kind) for name, kind in typed.items()} == {
        name: as_given(kind) for name, kind in fields.items()
    }


def same(typed, taken):
    """Whether two types are one, be it written as Python 3.6 does (Optional, Tuple) or as today's."""
    if get_args(typed) and get_args(taken) and not isinstance(get_args(typed)[0], str):
        pairs = zip(get_args(typed), get_args(taken), strict=True)
        return all(same(one, other) for one, other in pairs)
    return typed == taken


def test_the_options_of_a_bundle_are_those_of_the_export_and_those_of_a_measurement_its_own():
    own = get_type_hints(export_individual)
    assert get_type_hints(BundleOptions) == {
        name: kind for name, kind in own.items() if name not in ("run", "name", "out", "return")
    }
    measured, taken = get_type_hints(MeasureOptions), get_type_hints(Options)
    assert list(measured) == list(taken)
    assert all(same(measured[name], taken[name]) for name in taken)


def test_every_public_name_is_there_and_none_bears_the_name_of_a_package():
    packages = {path.name for path in Path(edgesynth.__file__).parent.iterdir() if path.is_dir()}
    assert sorted(edgesynth.__all__) == sorted(edgesynth._PUBLIC) and not packages & set(edgesynth.__all__)
    for name, module in edgesynth._PUBLIC.items():
        assert getattr(edgesynth, name) is getattr(sys.modules[module], name)
