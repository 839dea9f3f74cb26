"""The board's packages as pip finds them for its processor and its Python: wheels all, and nothing missing."""

import json
import subprocess
import sys

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.conftest import ROOT
from tests.docker.test_images import BOARD_PINS

BOARD = {"python_version": "3.6", "platform_machine": "aarch64", "platform_system": "Linux", "extra": ""}
PLATFORMS = ("manylinux2014_aarch64", "manylinux_2_17_aarch64")
ABIS = ("cp36m", "abi3", "none")

pytestmark = pytest.mark.index


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """What pip would install on a board, asked from here; nothing is installed."""
    report = tmp_path_factory.mktemp("pip") / "report.json"
    target = ["--implementation=cp", "--python-version=3.6", *(f"--abi={abi}" for abi in ABIS)]
    target += [f"--platform={platform}" for platform in PLATFORMS]
    how = ["--quiet", "--no-deps", "--only-binary=:all:", "--dry-run", "--ignore-installed", f"--report={report}"]
    where = [f"--target={report.parent / 'board'}", "-r", str(ROOT / "docker/requirements-board.txt")]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", *how, *target, *where], capture_output=True, text=True, timeout=300
    )
    if "ConnectionError" in done.stderr or "Failed to establish a new connection" in done.stderr:
        pytest.skip("no package index can be reached")
    assert done.returncode == 0, done.stderr
    return json.loads(report.read_text())["install"]


def test_there_is_a_wheel_of_every_package_for_the_board(packages):
    found = {canonicalize_name(one["metadata"]["name"]): one["download_info"]["url"] for one in packages}
    assert set(found) == set(BOARD_PINS)
    for name in ("numpy", "onnxruntime"):
        assert "cp36m" in found[name]
        assert found[name].endswith("_aarch64.whl")


def test_the_packages_need_nothing_else_and_one_asks_for_the_numpy_that_dies_there(packages):
    unmet = []
    for one in packages:
        for asked in map(Requirement, one["metadata"].get("requires_dist", [])):
            pin = BOARD_PINS.get(canonicalize_name(asked.name))
            if (asked.marker is None or asked.marker.evaluate(BOARD)) and (pin is None or pin not in asked.specifier):
                unmet.append((one["metadata"]["name"], str(asked)))
    # Were it empty, `--no-deps` could go.
    assert unmet == [("onnxruntime", "numpy>=1.19.5")]
