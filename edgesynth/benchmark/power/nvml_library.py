"""NVML by ctypes: the library that comes with the driver of an NVIDIA GPU on a PC."""

import ctypes
import os
from typing import Any, Dict, List

from edgesynth.benchmark.power.meter import UnreadableError

LIBRARY = "libnvidia-ml.so.1"
# nvml.h
CLOCK_OF_SMS, CLOCK_OF_MEMORY = 1, 2
_SLOWDOWNS = {
    0x04: "power cap",
    0x08: "slowdown by hardware",
    0x20: "heat, by the driver",
    0x40: "heat, by hardware",
    0x80: "power brake",
}
_MOST_PROCESSES = 256


class _Process(ctypes.Structure):
    """nvmlProcessInfo_v2_t."""

    _fields_ = (
        ("pid", ctypes.c_uint),
        ("used_bytes", ctypes.c_ulonglong),
        ("gpu_instance", ctypes.c_uint),
        ("compute_instance", ctypes.c_uint),
    )


class NvmlLibrary:
    """The calls that are needed, each an error with NVML's own words where it fails.

    Args:
        name: file name of the library.

    Raises:
        UnreadableError: there is none, or it does not start; so do all the calls that fail.
    """

    def __init__(self, name: str) -> None:
        try:
            self._nvml: Any = ctypes.CDLL(name)
        except OSError as error:
            raise UnreadableError("no NVML found ({})".format(error))
        self._call("nvmlInit_v2")

    def count(self) -> int:
        """How many GPUs there are."""
        count = ctypes.c_uint()
        self._call("nvmlDeviceGetCount_v2", ctypes.byref(count))
        return count.value

    def handle(self, gpu: str) -> ctypes.c_void_p:
        """A GPU by its index or UUID."""
        handle = ctypes.c_void_p()
        if gpu.isdigit():
            self._call("nvmlDeviceGetHandleByIndex_v2", ctypes.c_uint(int(gpu)), ctypes.byref(handle))
        else:
            self._call("nvmlDeviceGetHandleByUUID", gpu.encode(), ctypes.byref(handle))
        return handle

    def title(self, handle: ctypes.c_void_p) -> str:
        """NVML's name of a GPU."""
        text = ctypes.create_string_buffer(96)  # NVML_DEVICE_NAME_V2_BUFFER_SIZE
        self._call("nvmlDeviceGetName", handle, text, ctypes.c_uint(len(text)))
        return text.value.decode("utf-8", "replace")

    def energy_mj(self, handle: ctypes.c_void_p) -> float:
        """What a GPU has used since its driver was loaded, in mJ."""
        energy = ctypes.c_ulonglong()
        self._call("nvmlDeviceGetTotalEnergyConsumption", handle, ctypes.byref(energy))
        return float(energy.value)

    def chosen(self) -> str:
        """Index or UUID of the GPU that CUDA would use; an error if there are several and none is named."""
        count = self.count()
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

    def clock_mhz(self, handle: ctypes.c_void_p, kind: int = CLOCK_OF_SMS) -> float:
        """A clock of a GPU now, in MHz: that of its multiprocessors, or of its memory."""
        clock = ctypes.c_uint()
        self._call("nvmlDeviceGetClockInfo", handle, ctypes.c_uint(kind), ctypes.byref(clock))
        return float(clock.value)

    def slowdowns(self, handle: ctypes.c_void_p) -> List[str]:
        """Reasons for a lower clock now, in words; an idle GPU or a locked clock is no reason."""
        bits = ctypes.c_ulonglong()
        self._call("nvmlDeviceGetCurrentClocksThrottleReasons", handle, ctypes.byref(bits))
        return [words for bit, words in _SLOWDOWNS.items() if bits.value & bit]

    def processes(self, handle: ctypes.c_void_p) -> List[int]:
        """Numbers of the processes that compute on a GPU; in a container those of the host, or none."""
        processes = (_Process * _MOST_PROCESSES)()
        count = ctypes.c_uint(_MOST_PROCESSES)
        name = "nvmlDeviceGetComputeRunningProcesses_v3"
        if not hasattr(self._nvml, name):  # drivers before 510 have the same under 2
            name = "nvmlDeviceGetComputeRunningProcesses_v2"
        self._call(name, handle, ctypes.byref(count), processes)
        return [int(process.pid) for process in processes[: count.value]]

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
