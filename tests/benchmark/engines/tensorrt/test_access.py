"""What is said where no GPU can be used."""

import grp
import os

import pytest

from edgesynth.benchmark.engines.tensorrt.runtime.access import advice

GROUP = grp.getgrgid(os.getgid()).gr_name


@pytest.fixture
def device(tmp_path):
    def make(name):
        path = tmp_path / "dev" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
        return str(path)

    return make


def test_a_device_that_this_user_may_not_use_is_named_with_its_group(device, tmp_path):
    closed = {device("nvmap"), device("dri/renderD128")}
    device("nvhost-ctrl")
    assert advice(str(tmp_path), lambda path: path not in closed) == (
        f"this user may not use /dev/nvmap, /dev/dri/renderD128: sudo usermod -aG {GROUP} $USER, then log in again; "
        f"inside a container give docker run --runtime nvidia --group-add {GROUP}"
    )


def test_a_group_that_has_no_name_here_is_named_by_its_number(device, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root may give a file to a group that is not its own")
    os.chown(device("nvmap"), 0, 4242)
    assert "--group-add 4242" in advice(str(tmp_path), lambda path: False)


def test_where_there_is_no_device_the_runtime_of_docker_is_named(tmp_path):
    said = advice(str(tmp_path))
    assert said.startswith("there is no device of one (/dev/nvmap on a Jetson") and "--runtime nvidia" in said


def test_where_all_devices_may_be_used_the_group_video_is_still_named(device, tmp_path):
    device("nvmap")
    said = advice(str(tmp_path), lambda path: True)
    assert "docker run --runtime nvidia" in said and "sudo usermod -aG video $USER" in said
