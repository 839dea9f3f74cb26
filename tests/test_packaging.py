"""What is published: the source distribution is whole, and the metadata name all that is imported, for each machine."""

import ast
import email
import re
import shutil
import subprocess
import sys
import tarfile

import pytest
from packaging.requirements import Requirement

from tests.conftest import ROOT

BUILD = "import sys; from setuptools import build_meta; print(build_meta.{}(sys.argv[1]))"
# What an environment's markers evaluate to; of a workstation the rest is this machine's own.
BOARD = {"python_version": "3.6", "platform_machine": "aarch64", "extra": ""}
PC_OF_36 = {"python_version": "3.6", "platform_machine": "x86_64", "extra": ""}
WORKSTATION = {"python_version": "3.11", "platform_machine": "x86_64"}
# Of modules, where the package has another.
NAMES = {
    "PIL": "pillow",
    "google": "protobuf",
    "sklearn": "scikit-learn",
    "tomli_w": "tomli-w",
    "typing_extensions": "typing-extensions",
    "nvidia": "nvidia-cuda-runtime-cu12",
    "tensorrt_rtx_bindings": "tensorrt-rtx-cu12-bindings",
}
MADE = {"PKG-INFO", "setup.cfg"}  # by the builder
OF_THE_BOARD = {"tensorrt", "pycuda"}  # JetPack's own


def repository():
    """Paths of what belongs to the repository."""
    if (ROOT / ".git").exists():
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        return {path for path in listed.split("\0") if path and (ROOT / path).exists()}
    ignored = tuple(line.strip("*/") for line in (ROOT / ".gitignore").read_text().split())
    paths = [path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file()]
    return {str(path) for path in paths if not any(part.endswith(ignored) for part in path.parts)} - MADE


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A folder of a clone's files, in which things are built, and one for what was."""
    folder, out = tmp_path_factory.mktemp("clone"), tmp_path_factory.mktemp("built")
    for path in repository():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, folder / path)

    def build(what):
        done = subprocess.run(
            [sys.executable, "-c", BUILD.format(what), str(out)], cwd=folder, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return out / done.stdout.splitlines()[-1]

    return build


@pytest.fixture(scope="module")
def metadata(built):
    """What an installer reads."""
    return email.message_from_string((built("prepare_metadata_for_build_wheel") / "METADATA").read_text())


@pytest.fixture(scope="module")
def requirements(metadata):
    return list(map(Requirement, metadata.get_all("Requires-Dist")))


def asked(requirements, environment, name):
    """The one requirement of a package that holds in an environment."""
    (one,) = [
        one for one in requirements if one.name == name and (one.marker is None or one.marker.evaluate(environment))
    ]
    return one.specifier


def test_the_source_distribution_is_the_repository(built):
    with tarfile.open(built("build_sdist")) as archive:
        names = {name.partition("/")[2] for name in archive.getnames() if archive.getmember(name).isfile()}
    assert {name for name in names - MADE if ".egg-info/" not in name} == repository()


def test_all_that_is_imported_is_declared(requirements):
    modules = set()
    for path in (ROOT / "edgesynth").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                modules |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                modules.add(node.module.partition(".")[0])
    ours = modules - set(sys.stdlib_module_names) - {"edgesynth"} - OF_THE_BOARD
    assert {"PIL", "torch"} <= ours
    assert {NAMES.get(name, name) for name in ours} - {one.name for one in requirements} == set()


def test_the_board_gets_a_numpy_that_does_not_die_there_and_others_get_any(requirements):
    board = asked(requirements, BOARD, "numpy")
    assert "1.19.4" in board and "1.13.3" in board
    assert "1.19.5" not in board
    assert "1.19.5" in asked(requirements, PC_OF_36, "numpy")
    assert "2.4.6" in asked(requirements, {**WORKSTATION, "platform_machine": "aarch64", "extra": ""}, "numpy")


def test_the_board_needs_click_and_numpy_alone(requirements):
    assert {one.name for one in requirements if one.marker is None or one.marker.evaluate(BOARD)} == {"click", "numpy"}


@pytest.mark.parametrize(
    ("name", "extra"),
    [("pillow", ""), ("torchvision", "torchvision"), ("ray", "ray"), ("tensorrt-rtx-cu12-libs", "tensorrt-rtx")],
)
def test_what_reads_images_and_builds_networks_comes_with_its_extra(requirements, name, extra):
    assert asked(requirements, {**WORKSTATION, "extra": extra}, name)


def test_every_link_of_the_package_s_page_is_absolute(metadata):
    links = [url.partition(", ")[2] for url in metadata.get_all("Project-URL")]
    links += re.findall(r"\]\(([^)]+)\)", metadata.get_payload())
    assert len(links) > 5
    assert [link for link in links if not re.match(r"https://\w+\.\w+/", link)] == []


def test_the_package_says_which_pythons_it_runs_on(metadata):
    versions = re.findall(r"Python :: (3\.\d+)", "\n".join(metadata.get_all("Classifier")))
    assert versions == ["3.6", "3.10", "3.11"] and metadata["Requires-Python"] == ">=3.6"
