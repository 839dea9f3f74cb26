"""Fixtures that build worlds: the console script, real data where it is, tiny runs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
EDGESYNTH = Path(sys.executable).with_name("edgesynth")


@pytest.fixture(scope="session", autouse=True)
def lock_of_these_tests(tmp_path_factory):
    """Tests measure in several processes at once; one test of the lock has a place of its own."""
    os.environ["EDGESYNTH_LOCK"] = str(tmp_path_factory.mktemp("lock") / "lock")


@pytest.fixture(scope="session")
def edgesynth():
    """Call the console script in a folder of the test's own."""

    def call(*arguments, cwd, env=None):
        return subprocess.run(
            [str(EDGESYNTH), *map(str, arguments)],
            cwd=cwd,
            env={**os.environ, **(env or {})},
            capture_output=True,
            text=True,
            timeout=600,
        )

    return call


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
