"""The boards room runs under Python 3.6 with nothing installed: that is what a board has before anything else."""

import json
import os
import subprocess

import pytest

from tests.benchmark.conftest import REPOSITORY
from tests.benchmark.test_python36 import _interpreter
from tests.boards.test_board_file import MINE, written

SCRIPT = """
import json, sys
from edgesynth.boards.calibration_cache import parse_cache, write_cache
from edgesynth.boards.detect import board_named, detect_board
root, ranges, cache, mine = sys.argv[1:]
detected = detect_board(root)
write_cache(ranges, cache, "8.2.1.8")
print(json.dumps({
    "python": sys.version_info[:2],
    "board": detected.board.name,
    "jetpack": detected.jetpack,
    "named": board_named("this-gpu", root).sm_name,
    "scales": parse_cache(open(cache).read()).scales,
    "mine": board_named(mine).title,
}))
"""


def test_detection_board_files_and_calibration_cache_run_under_python_36(machine, tmp_path):
    interpreter = _interpreter()
    if interpreter is None:
        pytest.skip("no Python 3.6 here (looked at pyenv's versions and for python3.6 on the PATH)")
    machine.tree("quill")
    machine.release(32, "7.1")
    (tmp_path / "ranges.json").write_text(json.dumps({"schema": 1, "amax": {"images": 127.0}}))
    mine = written(tmp_path / "mine.json", MINE)
    arguments = [str(machine.root), str(tmp_path / "ranges.json"), str(tmp_path / "calibration.cache"), mine]
    done = subprocess.run(
        [interpreter, "-c", SCRIPT, *arguments],
        env=dict(os.environ, PYTHONPATH=str(REPOSITORY), PYTHONDONTWRITEBYTECODE="1", LC_ALL="C.UTF-8"),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "python": [3, 6],
        "board": "tx2",
        "jetpack": "4.6.1",
        "named": "sm_62",
        "scales": {"images": 1.0},
        "mine": "My board",
    }
