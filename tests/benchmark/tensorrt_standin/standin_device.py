"""A stand-in for a GPU of $STANDIN_GPU (compute capability) with $STANDIN_MEMORY bytes, by the names of pycuda.driver.

Strict where the real one is, and where it forgives but the figures would lie: work on a stream is done when somebody
waits for it and not before, asynchronous copies take page-locked memory alone, and managed memory that is written
while the GPU has it ends the process. The library $STANDIN_DRIVER (`cuda_stand_in.c`) captures streams, if given.
"""

import ctypes
import itertools
import os
import time
import weakref

import numpy as np

_NAMES = {"5.3": "NVIDIA Tegra X1", "6.2": "NVIDIA Tegra X2", "7.2": "Xavier", "8.7": "Orin"}
_state = {"initialized": False, "contexts": 0, "flags": 0}
_numbers = itertools.count(0x1000, 0x1000)
_memory = {}
_streams = {}
_managed = set()
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
    SCHED_AUTO, SCHED_SPIN, SCHED_YIELD, SCHED_BLOCKING_SYNC, MAP_HOST = 0, 1, 2, 4, 8


class host_alloc_flags:  # noqa: N801
    PORTABLE, DEVICEMAP, WRITECOMBINED = 1, 2, 4


class mem_attach_flags:  # noqa: N801
    GLOBAL, HOST, SINGLE = 1, 2, 4


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
        _state["flags"] = flags
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


class _HostAllocation(bytearray):
    """What such an array lies in: its `base`."""

    flags = 0

    def get_device_pointer(self):
        if not self.flags & host_alloc_flags.DEVICEMAP or not _state["flags"] & ctx_flags.MAP_HOST:
            raise LogicError("cuMemHostGetDevicePointer failed: invalid argument")
        return _address_of(self)


class _ManagedAllocation(bytearray):
    def get_device_pointer(self):
        address = _address_of(self)
        _managed.add(address)
        return address


def _address_of(allocation):
    address = next(_numbers)
    _memory[address] = np.frombuffer(allocation, np.uint8)
    return address


def _array_in(allocation, shape, dtype):
    return np.ndarray.__new__(_PageLocked, shape, dtype, allocation)


def _bytes_of(shape, dtype):
    return b"\xff" * int(np.prod(shape) * np.dtype(dtype).itemsize)


def mem_alloc(size):
    _needs_context()
    if size > mem_get_info()[0]:
        raise MemoryError("cuMemAlloc failed: out of memory")
    return DeviceAllocation(size)


def pagelocked_empty(shape, dtype, order="C", mem_flags=0):
    _needs_context()
    allocation = _HostAllocation(_bytes_of(shape, dtype))
    allocation.flags = mem_flags
    return _array_in(allocation, shape, dtype)


def managed_empty(shape, dtype, order="C", mem_flags=0):
    _needs_context()
    if os.environ.get("STANDIN_MANAGED") == "no" or mem_flags not in (mem_attach_flags.GLOBAL, mem_attach_flags.HOST):
        raise LogicError("cuMemAllocManaged failed: operation not supported")
    return _array_in(_ManagedAllocation(_bytes_of(shape, dtype)), shape, dtype)


class Stream:
    def __init__(self):
        _needs_context()
        self.handle = next(_numbers)
        self._queue = []
        self.captured = None
        _streams[self.handle] = self

    def push(self, work):
        """Do it when somebody waits; in a capture, note it for the graph."""
        (self._queue if self.captured is None else self.captured).append(work)

    def synchronize(self):
        if self.captured is not None:
            raise LogicError("cuStreamSynchronize failed: operation not permitted when stream is capturing")
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
        stream.push(happen)
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
    stream.push(lambda: _memory[int(dest)].__setitem__(slice(None), src.reshape(-1).view(np.uint8)))


def memcpy_dtoh_async(dest, src, stream):
    _check(src, dest)
    stream.push(lambda: dest.reshape(-1).view(np.uint8).__setitem__(slice(None), _memory[int(src)]))


def _check(allocation, array):
    if not isinstance(allocation, DeviceAllocation) or not isinstance(array, _PageLocked):
        raise TypeError("an asynchronous copy is between mem_alloc and page-locked memory")
    if array.nbytes != len(_memory[int(allocation)]):
        raise LogicError("cuMemcpy failed: invalid argument")


def _needs_context():
    if not _state["contexts"]:
        raise LogicError("failed: invalid device context: make one current first")


_graphs = {}


def _begin(handle, mode):
    if _streams[handle].captured is not None or mode not in (0, 1, 2):
        return 900
    _streams[handle].captured = []
    return 0


def _end(handle):
    captured, _streams[handle].captured = _streams[handle].captured, None
    if captured is None or None in captured:  # None: what broke the capture
        return 0
    graph = next(_numbers)
    _graphs[graph] = captured
    return graph


def _instance(graph):
    if graph not in _graphs:
        return 0
    execution = next(_numbers)
    _graphs[execution] = list(_graphs[graph])
    return execution


def _launch(graph, handle):
    if graph not in _graphs:
        return 400
    for work in _graphs[graph]:
        _streams[handle].push(work)
    return 0


def _forget(graph):
    return 0 if _graphs.pop(graph, None) is not None else 400


def _hook():
    """Load the stand-in for the driver's library, which is then known as libcuda.so.1, and let it call back."""
    if "STANDIN_DRIVER" not in os.environ:
        return []
    library = ctypes.CDLL(os.environ["STANDIN_DRIVER"])
    one = ctypes.CFUNCTYPE(ctypes.c_size_t, ctypes.c_size_t)
    two = ctypes.CFUNCTYPE(ctypes.c_size_t, ctypes.c_size_t, ctypes.c_size_t)
    hooks = [two(_begin), one(_end), one(_instance), two(_launch), one(_forget)]
    library.standin_hooks(*hooks)
    return hooks


_hooks = _hook()
