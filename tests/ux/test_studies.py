"""Each study of benchmarks/ is whole, and what the READMEs say of it is what its run has left."""

import importlib
import json
import re

import pytest

from benchmarks.shared import index
from tests.conftest import ROOT

BENCHMARKS = ROOT / "benchmarks"
# A folder that holds caches alone is what a checkout has left.
FOLDERS = sorted(
    path.name
    for path in BENCHMARKS.iterdir()
    if path.name not in ("shared", "__pycache__") and path.is_dir() and any(file.is_file() for file in path.iterdir())
)
INDEX = (BENCHMARKS / "README.md").read_text()


def between_markers(readme, name):
    return readme.partition(f"<!-- {name} -->\n")[2].partition(f"\n<!-- /{name} -->")[0]


def test_every_study_has_its_three_files():
    files = ("run.py", "result.json", "README.md")
    assert [f"{study}/{file}" for study in FOLDERS for file in files if not (BENCHMARKS / study / file).is_file()] == []


def test_nothing_lies_beside_the_studies():
    assert sorted(path.name for path in BENCHMARKS.iterdir() if path.is_file()) == ["README.md", "__init__.py"]


def test_every_study_is_named_in_the_readme_of_all():
    assert [study for study in FOLDERS if f"[{study}]({study}/README.md)" not in INDEX] == []


def test_the_readme_of_all_is_what_the_studies_say():
    assert between_markers(INDEX, "studies") == index.table(), "run python -m benchmarks.shared.index"


def test_the_readme_of_all_is_at_most_8_kb():
    assert len(INDEX.encode()) <= 8192


@pytest.mark.parametrize("study", FOLDERS)
def test_the_tables_of_a_study_are_what_its_script_makes_of_its_result(study):
    result = json.loads((BENCHMARKS / study / "result.json").read_text())
    made = importlib.import_module(f"benchmarks.{study}.run").table(result)
    assert between_markers((BENCHMARKS / study / "README.md").read_text(), study) == made


def test_every_command_of_the_readmes_exists():
    pages = [path.read_text() for path in BENCHMARKS.rglob("README.md")]
    modules = {module for page in pages for module in re.findall(r"python -m (benchmarks[\w.]+\w)", page)}
    assert [module for module in modules if not (ROOT / f"{module.replace('.', '/')}.py").is_file()] == []
    assert {f"benchmarks.{study}.run" for study in FOLDERS} <= modules


def test_every_command_of_a_script_is_its_own():
    wrong = []
    for path in BENCHMARKS.rglob("*.py"):
        own = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        shown = re.findall(r"^    python -m ([\w.]+)", path.read_text(), re.MULTILINE)
        wrong += [f"{own} shows {module}" for module in shown if module != own]
    assert wrong == []


def test_every_folder_that_a_study_refers_to_exists():
    pages = {path.parent.name: path.read_text() for path in BENCHMARKS.glob("*/README.md")}
    named = {(page, name) for page, text in pages.items() for name in re.findall(r"`benchmarks/([\w/.-]+)`", text)}
    assert [f"{page} names {name}" for page, name in sorted(named) if not (BENCHMARKS / name).exists()] == []
