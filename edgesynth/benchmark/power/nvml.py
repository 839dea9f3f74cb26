"""NVML: the energy counter of an NVIDIA GPU on a PC (Volta and later), by the library that comes with its driver."""

import ctypes
import os
from typing import Any, Callable, Dict, List

from edgesynth.benchmark.power.meter import UnreadableError
from edgesynth.benchmark.power.sampled import Sampled

LIBRARY = "libnvidia-ml.so.1"
# How often the counter moves is told nowhere; the moments at which it is seen to move are what is counted with.
PERIOD_S = 0.1
POLL_S = 0.01


class Nvml(Sampled):
    """Energy of one GPU's whole board.

    Args:
        library: file name of NVML.
        gpu: NVML's index, or the GPU's UUID.
        title: NVML's name of it.
    """

    name = "nvml"
    devices = ("gpu",)
    scope = "the GPU's board (no CPU, no DRAM of the host); idle power is not subtracted"

    def __init__(self, library: str, gpu: str, title: str) -> None:
        super().__init__([title], [title], title, __name__, {"library": library, "gpu": gpu}, PERIOD_S, POLL_S, True)

    @classmethod
    def find(cls, sysfs: str = "/sys", library: str = LIBRARY) -> "Nvml":
        """Find the GPU that CUDA would use.

        Args:
            sysfs: not looked at.
            library: file name of NVML.

        Returns:
            The meter; its counter has been read once.

        Raises:
            UnreadableError: there is no NVML, no GPU, more than one of which none is chosen, or no energy counter.
        """
        nvml = _Library(library)
        gpu = _chosen(nvml.count())
        handle = nvml.handle(gpu)
        nvml.energy_mj(handle)
        return cls(library, gpu, nvml.title(handle))


def open_reader(library: str, gpu: str) -> Callable[[], List[float]]:
    """A function that reads the counter once, in mJ.

    Args:
        library: file name of NVML.
        gpu: index or UUID.
    """
    nvml = _Library(library)
    handle = nvml.handle(gpu)
    return lambda: [nvml.energy_mj(handle)]


def _chosen(count: int) -> str:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "").strip()
    if visible.startswith("GPU-") and "," not in visible:
        return visible
    if count == 0:
        raise UnreadableError("NVML shows no GPU")
    if count == 1:
        return "0"
    raise UnreadableError(
        "NVML shows {} GPUs and it is not told which one works; set CUDA_VISIBLE_DEVICES to the UUID of one "
        "(nvidia-smi -L)".format(count)
    )


class _Library:
    """The five calls that are needed, each an error with NVML's own words where it fails."""

    def __init__(self, name: str) -> None:
        try:
            self._nvml: Any = ctypes.CDLL(name)
        except OSError as error:
            raise UnreadableError("no NVML found ({})".format(error))
        self._call("nvmlInit_v2")

    def count(self) -> int:
        found = ctypes.c_uint()
        self._call("nvmlDeviceGetCount_v2", ctypes.byref(found))
        return found.value

    def handle(self, gpu: str) -> ctypes.c_void_p:
        handle = ctypes.c_void_p()
        if gpu.isdigit():
            self._call("nvmlDeviceGetHandleByIndex_v2", ctypes.c_uint(int(gpu)), ctypes.byref(handle))
        else:
            self._call("nvmlDeviceGetHandleByUUID", gpu.encode(), ctypes.byref(handle))
        return handle

    def title(self, handle: ctypes.c_void_p) -> str:
        text = ctypes.create_string_buffer(96)  # NVML_DEVICE_NAME_V2_BUFFER_SIZE
        self._call("nvmlDeviceGetName", handle, text, ctypes.c_uint(len(text)))
        return text.value.decode("utf-8", "replace")

    def energy_mj(self, handle: ctypes.c_void_p) -> float:
        energy = ctypes.c_ulonglong()
        self._call("nvmlDeviceGetTotalEnergyConsumption", handle, ctypes.byref(energy))
        return float(energy.value)

    def _call(self, name: str, *arguments: Any) -> None:
        try:
            function = getattr(self._nvml, name)
        except AttributeError:
            raise UnreadableError("this NVML is too old: it has no {}".format(name))
        code = function(*arguments)
        if code != 0:
            self._nvml.nvmlErrorString.restype = ctypes.c_char_p
            words: Dict[str, Any] = {"call": name, "why": (self._nvml.nvmlErrorString(code) or b"").decode(), "c": code}
            raise UnreadableError("NVML's {call} fails: {why} ({c})".format(**words))
