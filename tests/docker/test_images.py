"""The rules that the images must keep, read from the Dockerfiles: nobody builds them here."""

import json
import re
import shutil
import subprocess
import sys

import pytest
from packaging.requirements import Requirement

from tests.conftest import ROOT

DOCKER = ROOT / "docker"
DOCKERFILES = [DOCKER / "Dockerfile", DOCKER / "Dockerfile.jetson", DOCKER / "Dockerfile.jetpack"]
NAMES = [path.name for path in DOCKERFILES]
BOARD_LINES = (DOCKER / "requirements-board.txt").read_text().splitlines()
BOARD_PINS = dict(line.split("==") for line in BOARD_LINES if not line.startswith("#"))


def instructions(path):
    """(word, rest) of each instruction, continued lines joined, comments left out."""
    lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [tuple(line.split(None, 1)) for line in joined.splitlines() if line.strip()]


def stages(path):
    found = []
    for word, rest in instructions(path):
        if word == "FROM":
            found.append([])
        if found:
            found[-1].append((word, rest))
    return found


def runs(stage):
    return " ; ".join(rest for word, rest in stage if word == "RUN")


def test_the_board_s_image_installs_nothing_that_the_host_mounts():
    first, last = stages(DOCKER / "Dockerfile.jetson")
    mounted = re.compile(r"(?<!py)cuda|cudnn|nvinfer|tensorrt|nvidia-l4t", re.IGNORECASE)
    assert "cuda-toolkit-10-2" in runs(first)
    installed = " ".join(re.findall(r"(?:apt-get|pip) install ([^&;]*)", runs(last)))
    assert "python3-pip" in installed
    assert not mounted.search(installed)
    copied = [rest for word, rest in last if word == "COPY" and "--from" in rest]
    assert copied == ["--from=pycuda /wheels /tmp/wheels"]


@pytest.mark.parametrize("path", DOCKERFILES, ids=NAMES)
def test_no_step_of_a_build_needs_a_gpu(path):
    needs = re.compile(
        r"nvidia-smi|trtexec|edgesynth (?:benchmark|plan|evolve)|python3? -c|import (?:tensorrt|pycuda|torch)"
    )
    for stage in stages(path):
        assert not needs.search(runs(stage))


def test_the_board_s_base_is_an_argument_and_of_l4t_r32_7():
    assert instructions(DOCKER / "Dockerfile.jetson")[0] == ("ARG", "BASE=nvcr.io/nvidia/l4t-base:r32.7.1")
    froms = [rest for word, rest in instructions(DOCKER / "Dockerfile.jetson") if word == "FROM"]
    assert froms == ["${BASE} AS pycuda", "${BASE}"]


def test_an_argument_of_the_board_s_image_is_declared_in_each_stage_that_uses_it():
    for stage in stages(DOCKER / "Dockerfile.jetson"):
        declared = {rest.split("=")[0] for word, rest in stage if word == "ARG"}
        assert set(re.findall(r"\$\{([A-Z0-9_]+)\}", runs(stage))) <= declared


def test_the_board_s_packages_are_installed_alone():
    """onnxruntime's wheel for aarch64 asks for a numpy that dies there: see test_board_packages."""
    for stage in stages(DOCKER / "Dockerfile.jetson"):
        (install,) = re.findall(r"pip install ([^&;]*requirements-board.txt)", runs(stage))
        assert "--no-deps" in install


def test_the_board_s_packages_are_what_the_package_asks_for():
    listed = (ROOT / "pyproject.toml").read_text().partition("\ndependencies = [")[2].partition("\n]")[0]
    asked = map(Requirement, re.findall(r'^    "([^"]+)",', listed, re.MULTILINE))
    there = {"python_version": "3.6", "platform_machine": "aarch64"}
    there = [one for one in asked if one.name in BOARD_PINS and (one.marker is None or one.marker.evaluate(there))]
    assert [one.name for one in there] == ["click", "numpy"]
    assert all(BOARD_PINS[one.name] in one.specifier for one in there)


def test_numpy_on_the_board_is_not_the_one_that_dies_there():
    assert BOARD_PINS["numpy"] != "1.19.5"
    last = stages(DOCKER / "Dockerfile.jetson")[-1]
    assert any(word == "ENV" and "OPENBLAS_CORETYPE=ARMV8" in rest for word, rest in last)


@pytest.mark.parametrize("path", DOCKERFILES, ids=NAMES)
def test_what_is_copied_is_in_the_repository_and_not_kept_out_of_the_context(path):
    ignored = (ROOT / ".dockerignore").read_text().split()
    sources = [rest.split()[:-1] for word, rest in instructions(path) if word == "COPY" and "--from" not in rest]
    for source in [source for one in sources for source in one]:
        assert (ROOT / source).exists(), source
        assert source not in ignored


@pytest.mark.parametrize("name", ["Dockerfile.jetson", "Dockerfile.jetpack"])
def test_the_board_s_entry_point_is_the_command_and_needs_the_copied_folder_alone(tmp_path, name):
    shutil.copytree(ROOT / "edgesynth", tmp_path / "edgesynth", ignore=shutil.ignore_patterns("__pycache__"))
    entry = json.loads(dict(instructions(DOCKER / name))["ENTRYPOINT"])
    assert entry[0] == "python3"
    done = subprocess.run(
        [sys.executable, *entry[1:], "benchmark", "--help"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path), "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Usage: edgesynth benchmark")


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("jetson", "docker build -f docker/Dockerfile.jetson -t edgesynth:r32.7.1 ."),
        ("jetpack", "docker build -f docker/Dockerfile.jetpack -t edgesynth:r36.4.0 ."),
        (
            "jetpack",
            "docker build -f docker/Dockerfile.jetpack --build-arg BASE=nvcr.io/nvidia/l4t-jetpack:r35.4.1 "
            "-t edgesynth:r35.4.1 .",
        ),
    ],
)
def test_the_image_that_run_sh_asks_for_is_the_one_that_the_build_line_makes(name, line):
    assert line in (DOCKER / f"Dockerfile.{name}").read_text()
    assert line in (ROOT / "jetson/README.md").read_text()
    assert "default=" + line.split()[-2] in (ROOT / "jetson/run.sh").read_text()


def test_the_image_of_jetpack_5_and_6_is_of_the_base_that_holds_tensorrt_and_installs_none():
    path = DOCKER / "Dockerfile.jetpack"
    assert instructions(path)[0] == ("ARG", "BASE=nvcr.io/nvidia/l4t-jetpack:r36.4.0")
    (stage,) = stages(path)
    assert not re.search(r"(?<!py)cuda|cudnn|nvinfer|tensorrt", " ".join(re.findall(r"install ([^&;]*)", runs(stage))))
    pins = (DOCKER / "requirements-jetpack.txt").read_text().splitlines()
    pinned = dict(line.split("==") for line in pins if not line.startswith("#"))
    assert set(pinned) == {"click", "numpy", "onnxruntime", "pycuda"} and pinned["numpy"] != "1.19.5"


def torch_step(tmp_path, accelerator, **arguments):
    """Really run the workstation's first step, with a pip that only writes down what it is given."""
    (tmp_path / "pip").write_text('#!/bin/sh\necho "$*" >pip.log\n')
    (tmp_path / "pip").chmod(0o755)
    shutil.copy(ROOT / "constraints.txt", tmp_path)
    step = next(rest for word, rest in instructions(DOCKER / "Dockerfile") if word == "RUN")
    done = subprocess.run(
        ["sh", "-c", step],
        cwd=tmp_path,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin", "ACCELERATOR": accelerator, **arguments},
        capture_output=True,
        text=True,
    )
    log = tmp_path / "pip.log"
    return done.returncode, done.stderr, log.read_text() if log.exists() else ""


@pytest.mark.parametrize(
    ("accelerator", "index"), [("cpu", "https://download.pytorch.org/whl/cpu"), ("cuda", "https://pypi.org/simple")]
)
def test_the_workstation_s_torch_is_the_tested_one_from_the_index_of_its_accelerator(tmp_path, accelerator, index):
    code, err, given = torch_step(tmp_path, accelerator)
    assert (code, err) == (0, "")
    assert f"--index-url {index} -r torch.txt" in given
    pins = (tmp_path / "torch.txt").read_text().split()
    assert [pin.split("==")[0] for pin in pins] == ["torch", "torchvision"]
    assert set(pins) <= set((ROOT / "constraints.txt").read_text().splitlines())


def test_torch_comes_from_the_index_that_the_build_names(tmp_path):
    code, _, given = torch_step(tmp_path, "cpu", TORCH_INDEX="https://mirror.example/simple")
    assert code == 0
    assert "--index-url https://mirror.example/simple -r torch.txt" in given


def test_an_accelerator_that_is_none_ends_the_build(tmp_path):
    code, err, given = torch_step(tmp_path, "rocm")
    assert (code, given) == (2, "")
    assert err == "ACCELERATOR is rocm; it must be cpu or cuda\n"


def test_the_workstation_has_a_python_that_the_constraints_pin_for_and_no_root():
    workstation = instructions(DOCKER / "Dockerfile")
    assert workstation[0] == ("ARG", "PYTHON=3.11")
    assert re.search(r'^numpy==\S+; python_version >= "3.11"$', (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    # With Ray, for which compose.yaml makes /dev/shm larger.
    assert "-c constraints.txt '.[ray]'" in runs(workstation)
    assert ("USER", "1000") in workstation


def test_compose_builds_both_images_and_only_one_of_them_asks_for_a_gpu():
    yaml = pytest.importorskip("yaml")
    services = yaml.safe_load((DOCKER / "compose.yaml").read_text())["services"]
    assert {name: one["build"]["args"]["ACCELERATOR"] for name, one in services.items()} == {
        "cpu": "cpu",
        "cuda": "cuda",
    }
    assert [name for name, one in services.items() if "deploy" in one] == ["cuda"]
    for one in services.values():
        context = (DOCKER / one["build"]["context"]).resolve()
        assert context == ROOT
        assert (context / one["build"]["dockerfile"]).is_file()


@pytest.mark.skipif(shutil.which("hadolint") is None, reason="hadolint is not installed here")
@pytest.mark.parametrize("path", DOCKERFILES, ids=NAMES)
def test_hadolint_has_nothing_to_say(path):
    done = subprocess.run(["hadolint", str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
