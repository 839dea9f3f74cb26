"""Why a GPU cannot be used, as far as its device files tell it.

On a Jetson /dev/nvmap belongs to root and the group `video` alone, so that a user outside of it gets nothing but "no
CUDA-capable device" (NVIDIA/NemoClaw#5018; in a container: NVIDIA/nvidia-docker#1449); on some JetPack 6 the render
device has a group of its own (NVIDIA/NemoClaw#7762).
"""

import glob
import grp
import os
from typing import Callable, List

_DEVICES = ("dev/nvmap", "dev/nvhost-ctrl", "dev/nvhost-gpu", "dev/nvgpu/igpu0/*", "dev/dri/renderD*", "dev/nvidiactl")
_DOCKER = "inside a container give docker run --runtime nvidia"


def advice(root: str = "/", may_use: Callable[[str], bool] = lambda path: os.access(path, os.R_OK | os.W_OK)) -> str:
    """What to do where no GPU can be used, in one line.

    Args:
        root: folder that holds `dev`.
        may_use: whether this user may read and write a file.
    """
    devices = [path for form in _DEVICES for path in sorted(glob.glob(os.path.join(glob.escape(root), form)))]
    closed = [path for path in devices if not may_use(path)]
    if closed:
        groups = sorted({_group(path) for path in closed})
        return "this user may not use {}: sudo usermod -aG {} $USER, then log in again; {} {}".format(
            ", ".join("/" + os.path.relpath(path, root) for path in closed), ",".join(groups), _DOCKER, _added(groups)
        )
    if not devices:
        return "there is no device of one (/dev/nvmap on a Jetson, /dev/nvidiactl on a PC): {}".format(_DOCKER)
    return "{}; a user other than root must be in the group video (sudo usermod -aG video $USER)".format(_DOCKER)


def _added(groups: List[str]) -> str:
    return " ".join("--group-add {}".format(group) for group in groups)


def _group(path: str) -> str:
    number = os.stat(path).st_gid
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:  # a container knows not all groups of its host
        return str(number)
