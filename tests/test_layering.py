"""Imports point down only, never sideways; and the parts for the board stay free of torch."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import edgesynth
from tests.conftest import ROOT

PACKAGE = Path(edgesynth.__file__).parent
MAP = (ROOT / "docs" / "architecture.md").read_text()
FLOORS = {
    name: int(floor)
    for line in re.search(r"```floors\n(.*?)```", MAP, re.DOTALL)[1].splitlines()
    for floor, *names in [line.split()]
    for name in names
}


def imports(source):
    """(module, line) of every import of edgesynth's own parts, those inside functions and those by name included."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            yield from ((name.value, node.lineno) for name in node.args if isinstance(name, ast.Constant))
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module, node.lineno
            yield from (
                (f"{node.module}.{alias.name}", node.lineno) for alias in node.names if node.module == "edgesynth"
            )


def offenders(name, source):
    """What a module imports that stands as high as its own package, or higher."""
    room = name.split(".")[1]
    return [
        f"{name}, line {line}: {room} (floor {FLOORS[room]}) imports {module} (floor {FLOORS[other]})"
        for module, line in imports(source)
        for other in [*module.split(".")[1:2]]
        if module.startswith("edgesynth.") and other in FLOORS and other != room and FLOORS[other] >= FLOORS[room]
    ]


MODULES = {
    ".".join(("edgesynth", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}


def test_every_package_has_a_floor_and_every_floor_its_packages():
    rooms = {name.split(".")[1] for name in MODULES if "." in name}
    assert sorted(rooms) == sorted(FLOORS)


def test_imports_point_down_only():
    found = [line for name, path in MODULES.items() if "." in name for line in offenders(name, path.read_text())]
    assert not found, "\n".join(found)


def test_an_import_sideways_or_up_is_found():
    assert offenders("edgesynth.evolution.dna", "def f():\n    from edgesynth.export import to_onnx\n")
    assert offenders("edgesynth.anatomy.proof.proof", "import edgesynth.lineage\n")
    assert offenders("edgesynth.tasks", "from edgesynth import benchmark\n")
    fine = "from edgesynth.lineage import Run\nfrom edgesynth.errors import UserError\n"
    assert not offenders("edgesynth.evolution.dna", fine)


def between(source, target):
    """The two parts, side by side in one folder of a package, that an import ties; None where one holds the other."""
    one, other = source.split("."), target.split(".")
    same = 0
    while same < min(len(one), len(other)) and one[same] == other[same]:
        same += 1
    if same < 2 or same in (len(one), len(other)):
        return None
    return ".".join(one[: same + 1]), ".".join(other[: same + 1])


def ties(sources):
    """{part: parts that it imports} within the packages; what an `__init__` hands on ties nothing."""
    found = {}
    for name, source in sources.items():
        for module, _ in imports(source):
            pair = between(name, module) if module in sources else None
            if pair:
                found.setdefault(pair[0], set()).add(pair[1])
    return found


def circles(tied):
    """Parts that import each other, over however many others."""

    def reached(part):
        seen, rest = set(), [part]
        while rest:
            new = tied.get(rest.pop(), set()) - seen
            seen |= new
            rest += new
        return seen

    return sorted(part for part in tied if part in reached(part))


def test_no_files_or_folders_of_a_package_import_each_other_in_a_circle():
    assert circles(ties({name: path.read_text() for name, path in MODULES.items()})) == []


def test_a_circle_of_folders_is_found():
    sources = {
        "edgesynth.export.onnx.file": "from edgesynth.export.int8.guard import a\n",
        "edgesynth.export.int8.guard": "",
        "edgesynth.export.int8.scale": "from edgesynth.export.onnx.half import b\n",
        "edgesynth.export.onnx.half": "",
    }
    assert circles(ties(sources)) == ["edgesynth.export.int8", "edgesynth.export.onnx"]


def test_an_import_by_name_ties_as_any_other_does():
    sources = {
        "edgesynth.benchmark.service.first": 'importlib.import_module("edgesynth.benchmark.service.serving").serve()\n',
        "edgesynth.benchmark.service.serving": "from edgesynth.benchmark.service.first import say\n",
    }
    assert len(circles(ties(sources))) == 2


@pytest.mark.parametrize(
    "module",
    [
        "edgesynth",
        "edgesynth.cli",
        "edgesynth.cli.commands.benchmark",
        "edgesynth.cli.commands.compare",
        "edgesynth.cli.commands.probe",
        "edgesynth.cli.commands.verify",
        "edgesynth.benchmark.remote",
        "edgesynth.benchmark.measure.run",
        "edgesynth.boards.calibration_cache",
        "edgesynth.boards.detect",
    ],
)
def test_what_runs_on_the_board_needs_neither_torch_nor_rich(module):
    code = f"import sys, {module}; print(sorted({{'torch', 'rich', 'pydantic', 'onnx'}} & set(sys.modules)))"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )
