"""Fixtures that build worlds: the console script, real data where it is, tiny runs."""

import os
from pathlib import Path

import pytest

from tests.commands import CommandServer, start_script

ROOT = Path(__file__).resolve().parents[1]
LONGEST_FIRST = ["ux", "faults", "cli", "evolution", "ancestors", "export", "report", "nurture", "benchmark"]
# Tests that breed, export or start a command; `make quick` leaves them out, and whatever else is marked `slow`.
WHOLE_RUNS = {"ux", "faults", "cli", "evolution", "export", "api", "docker"}


def pytest_collection_modifyitems(items):
    """Begin with the folders of whole runs: a long file that begins last leaves the other processes idle."""
    ranks = {folder: rank for rank, folder in enumerate(LONGEST_FIRST)}
    for item in items:
        if folder_of(item) in WHOLE_RUNS:
            item.add_marker(pytest.mark.slow)
        if "python36" in item.fixturenames:
            item.add_marker(pytest.mark.index)
    items.sort(key=lambda item: ranks.get(folder_of(item), len(ranks)))


def folder_of(item):
    return item.path.relative_to(ROOT / "tests").parts[0]


@pytest.fixture(scope="session", autouse=True)
def lock_of_these_tests(tmp_path_factory):
    """Tests measure in several processes at once; one test of the lock has a place of its own."""
    os.environ["EDGESYNTH_LOCK"] = str(tmp_path_factory.mktemp("lock") / "lock")


@pytest.fixture(scope="session", autouse=True)
def no_pixels_of_earlier_tests():
    """Images are decoded anew, and nothing is left in the user's cache; tests of that cache have one of their own."""
    os.environ["EDGESYNTH_PIXELS_MIB"] = "0"


@pytest.fixture(scope="session")
def edgesynth(tmp_path_factory):
    """Call the command in a folder of the test's own, in a process that need not import the libraries again."""
    server = CommandServer(tmp_path_factory.mktemp("streams"))
    yield server
    server.close()


@pytest.fixture(scope="session")
def console_script():
    """Call the command as a shell does: in a new interpreter, with a seed of hashes of its own."""
    return start_script


@pytest.fixture(scope="session")
def refused():
    """Assert that a call was a user's mistake: exit code 2, one line, no traceback."""

    def check(result, *words):
        assert result.returncode == 2, result.stdout + result.stderr
        assert "Traceback" not in result.stderr
        lines = [line for line in result.stderr.splitlines() if line.strip()]
        assert len(lines) == 1 and lines[0].startswith("edgesynth: "), result.stderr
        for word in words:
            assert word in lines[0], f"{word!r} is not in {lines[0]!r}"

    return check


@pytest.fixture(scope="session")
def data_root():
    """Real data sets, where they are."""
    root = Path(os.environ.get("EDGESYNTH_DATA", ROOT.parent / "shared" / "data"))
    if not root.is_dir():
        pytest.skip("no real data here: set EDGESYNTH_DATA to the folder that holds MNIST/raw")
    return root
