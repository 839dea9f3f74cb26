"""Imports point down only, never sideways; and the parts for the board stay free of torch."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import edgesynth

PACKAGE = Path(edgesynth.__file__).parent
FLOORS = {
    **{"__main__": 6, "cli": 5, "api": 5},
    **dict.fromkeys(["evolution", "export", "report"], 4),
    **dict.fromkeys(["nurture", "lineage"], 3),
    **dict.fromkeys(["anatomy", "tasks", "ancestors", "precision", "benchmark"], 2),
    **{
        "boards": 1,
        "copying": 1,
        "importing": 1,
        "lent": 1,
        "config": 1,
        "optional": 0.5,
        "errors": 0.2,
        "printable": 0,
    },
}


def imports(source):
    """(module, line) of every import of edgesynth's own parts, those inside functions included."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module, node.lineno
            yield from (
                (f"{node.module}.{alias.name}", node.lineno) for alias in node.names if node.module == "edgesynth"
            )


def violations(room, source):
    found = []
    for module, line in imports(source):
        parts = module.split(".")
        ours = parts[0] == "edgesynth" and len(parts) > 1 and parts[1] in FLOORS and parts[1] != room
        if ours and FLOORS[parts[1]] >= FLOORS[room]:
            found.append(f"line {line}: {room} (floor {FLOORS[room]}) imports {parts[1]} (floor {FLOORS[parts[1]]})")
    return found


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down_only(path):
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if room != "__init__":
        assert room in FLOORS, f"{room} is on no floor of the design"
        assert violations(room, path.read_text()) == []


def test_an_import_sideways_or_up_is_found():
    assert violations("evolution", "def f():\n    from edgesynth.export import to_onnx\n")
    assert violations("anatomy", "import edgesynth.lineage\n")
    assert violations("tasks", "from edgesynth import benchmark\n")
    assert not violations("evolution", "from edgesynth.lineage import Run\nfrom edgesynth.errors import UserError\n")


@pytest.mark.parametrize(
    "module",
    [
        "edgesynth",
        "edgesynth.cli",
        "edgesynth.cli.benchmark",
        "edgesynth.cli.compare",
        "edgesynth.cli.probe",
        "edgesynth.cli.verify",
        "edgesynth.benchmark.remote",
        "edgesynth.benchmark.run",
        "edgesynth.boards.calibration_cache",
        "edgesynth.boards.detect",
        "edgesynth.boards.plan",
    ],
)
def test_what_runs_on_the_board_needs_neither_torch_nor_rich(module):
    code = f"import sys, {module}; print(sorted({{'torch', 'rich', 'pydantic', 'onnx'}} & set(sys.modules)))"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )
