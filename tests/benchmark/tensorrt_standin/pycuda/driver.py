"""A stand-in for pycuda's driver on a GPU of $STANDIN_GPU (compute capability) with $STANDIN_MEMORY bytes.

Strict where the real one is, and where it forgives but the figures would lie: work on a stream is done when somebody
waits for it and not before, and asynchronous copies take page-locked memory alone.
"""

import itertools
import os
import time
import weakref

import numpy as np

_NAMES = {"5.3": "NVIDIA Tegra X1", "6.2": "NVIDIA Tegra X2", "7.2": "Xavier", "8.7": "Orin"}
_state = {"initialized": False, "contexts": 0}
_numbers = itertools.count(0x1000, 0x1000)
_memory = {}
_streams = {}
# What TensorRT cannot take down without a context.
_dependents = weakref.WeakSet()


class Error(Exception):
    pass


class LogicError(Error):
    pass


class RuntimeError(Error):
    pass


class MemoryError(Error):
    pass


class ctx_flags:  # noqa: N801  (pycuda's own name)
    SCHED_AUTO, SCHED_SPIN, SCHED_YIELD, SCHED_BLOCKING_SYNC = 0, 1, 2, 4


class device_attribute:  # noqa: N801
    MULTIPROCESSOR_COUNT = 16


def init():
    if not os.environ.get("STANDIN_GPU"):
        raise RuntimeError("cuInit failed: no CUDA-capable device is detected")
    _state["initialized"] = True


def get_driver_version():
    return 10020


def mem_get_info():
    _needs_context()
    total = int(os.environ.get("STANDIN_MEMORY", 1 << 33))
    return total - sum(len(block) for block in _memory.values()), total


class Device:
    def __init__(self, number):
        if not _state["initialized"]:
            raise LogicError("cuDeviceGet failed: initialization error")
        if number != 0:
            raise LogicError("cuDeviceGet failed: invalid device ordinal")

    def name(self):
        return _NAMES[os.environ["STANDIN_GPU"]]

    def compute_capability(self):
        return tuple(int(part) for part in os.environ["STANDIN_GPU"].split("."))

    def get_attribute(self, attribute):
        return {device_attribute.MULTIPROCESSOR_COUNT: 2}[attribute]

    def make_context(self, flags=0):
        _state["contexts"] += 1
        return _Context()


class _Context:
    def pop(self):
        if _dependents:
            names = sorted(type(one).__name__ for one in _dependents)
            os.write(2, "segmentation fault: the context went before {}\n".format(", ".join(names)).encode())
            os._exit(139)
        _state["contexts"] -= 1


class DeviceAllocation:
    def __init__(self, size):
        self._address = next(_numbers)
        _memory[self._address] = np.full(size, 0xFF, np.uint8)  # read as float: nan

    def __int__(self):
        return self._address

    def __del__(self):
        _memory.pop(self._address, None)


class _PageLocked(np.ndarray):
    pass


def mem_alloc(size):
    _needs_context()
    if size > mem_get_info()[0]:
        raise MemoryError("cuMemAlloc failed: out of memory")
    return DeviceAllocation(size)


def pagelocked_empty(shape, dtype):
    _needs_context()
    array = np.empty(shape, dtype)
    array.view(np.uint8)[...] = 0xFF
    return array.view(_PageLocked)


class Stream:
    def __init__(self):
        _needs_context()
        self.handle = next(_numbers)
        self._queue = []
        _streams[self.handle] = self

    def synchronize(self):
        queue, self._queue[:] = list(self._queue), []
        for work in queue:
            work()


class Event:
    def __init__(self):
        _needs_context()
        self._stream = self._time = None

    def record(self, stream):
        def happen():
            self._time = time.perf_counter()

        self._stream, self._time = stream, None
        stream._queue.append(happen)
        return self

    def synchronize(self):
        self._stream.synchronize()
        return self

    def time_till(self, event):
        if self._time is None or event._time is None:
            raise LogicError("cuEventElapsedTime failed: device not ready")
        return (event._time - self._time) * 1e3


def memcpy_htod(dest, src):
    if not isinstance(dest, DeviceAllocation) or not src.flags.c_contiguous:
        raise ValueError("ndarray is not contiguous, or its destination is none")
    if src.nbytes > len(_memory[int(dest)]):
        raise LogicError("cuMemcpyHtoD failed: invalid argument")
    _memory[int(dest)][: src.nbytes] = src.reshape(-1).view(np.uint8)


def memcpy_htod_async(dest, src, stream):
    _check(dest, src)
    stream._queue.append(lambda: _memory[int(dest)].__setitem__(slice(None), src.reshape(-1).view(np.uint8)))


def memcpy_dtoh_async(dest, src, stream):
    _check(src, dest)
    stream._queue.append(lambda: dest.reshape(-1).view(np.uint8).__setitem__(slice(None), _memory[int(src)]))


def _check(allocation, array):
    if not isinstance(allocation, DeviceAllocation) or not isinstance(array, _PageLocked):
        raise TypeError("an asynchronous copy is between mem_alloc and page-locked memory")
    if array.nbytes != len(_memory[int(allocation)]):
        raise LogicError("cuMemcpy failed: invalid argument")


def _needs_context():
    if not _state["contexts"]:
        raise LogicError("failed: invalid device context: make one current first")
