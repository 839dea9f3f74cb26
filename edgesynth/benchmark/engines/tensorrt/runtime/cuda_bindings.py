"""CUDA's driver by `cuda-bindings`, with the names of `pycuda.driver` as far as the engine uses them.

It needs no compiler to install, and NVIDIA's own samples moved to it: https://nvidia.github.io/cuda-python
"""

from typing import Any, Tuple

import numpy as np

_SCHEDULING = 7  # what of a context's flags is how the CPU waits; memory of the host is always mapped here


class Error(Exception):
    """The driver refused."""


class MemoryError(Error):
    """There is too little memory."""


class ctx_flags:  # noqa: N801  (pycuda's own names, here and below)
    """Of a context."""

    SCHED_SPIN, SCHED_BLOCKING_SYNC, MAP_HOST = 1, 4, 8


class host_alloc_flags:  # noqa: N801
    """Of page-locked memory."""

    DEVICEMAP = 2


class mem_attach_flags:  # noqa: N801
    """Of managed memory."""

    GLOBAL = 1


class CudaBindings:
    """What stands for the module `pycuda.driver`.

    Args:
        driver: the module `cuda.bindings.driver`, or `cuda.cuda` of older releases.
    """

    Error, MemoryError = Error, MemoryError
    ctx_flags, host_alloc_flags, mem_attach_flags = ctx_flags, host_alloc_flags, mem_attach_flags

    def __init__(self, driver: Any) -> None:
        self.driver = driver
        self.device_attribute = _Attributes(driver)

    def call(self, name: str, *arguments: Any) -> Any:
        """Call a function of the driver: what it gives, without its code.

        Raises:
            Error: it refuses.
        """
        code, *values = getattr(self.driver, name)(*arguments)
        if int(code) != 0:
            _, words = self.driver.cuGetErrorName(code)
            kind = MemoryError if int(code) == int(self.driver.CUresult.CUDA_ERROR_OUT_OF_MEMORY) else Error
            raise kind("{} failed: {}".format(name, words.decode() if isinstance(words, bytes) else words))
        return values[0] if len(values) == 1 else values

    def init(self) -> None:
        """Begin."""
        try:
            self.call("cuInit", 0)
        except Error:
            raise
        except Exception as error:  # releases differ in what they raise where there is no driver
            raise Error(str(error)) from None

    def get_driver_version(self) -> int:
        """Such as 12060."""
        return int(self.call("cuDriverGetVersion"))

    def mem_get_info(self) -> Tuple[int, int]:
        """Free and total bytes."""
        free, total = self.call("cuMemGetInfo")
        return int(free), int(total)

    def Device(self, number: int) -> "_Device":  # noqa: N802
        """A GPU."""
        return _Device(self, number)

    def Stream(self) -> "_Stream":  # noqa: N802
        """A stream."""
        return _Stream(self)

    def Event(self) -> "_Event":  # noqa: N802
        """An event with a time."""
        return _Event(self)

    def mem_alloc(self, size: int) -> "_Allocation":
        """Memory of the GPU."""
        return _Allocation(self, size)

    def pagelocked_empty(self, shape: Tuple[int, ...], dtype: Any, mem_flags: int = 0) -> np.ndarray:
        """An array in page-locked memory; its `base` has `get_device_pointer`."""
        return np.asarray(_PageLocked(self, shape, dtype, mem_flags))

    def managed_empty(self, shape: Tuple[int, ...], dtype: Any, mem_flags: int) -> np.ndarray:
        """An array in managed memory; its `base` has `get_device_pointer`."""
        return np.asarray(_Managed(self, shape, dtype, mem_flags))

    def memcpy_htod(self, dest: "_Allocation", src: np.ndarray) -> None:
        """Copy to the GPU, and wait."""
        self.call("cuMemcpyHtoD", dest.pointer, src.ctypes.data, src.nbytes)

    def memcpy_htod_async(self, dest: "_Allocation", src: np.ndarray, stream: "_Stream") -> None:
        """Copy to the GPU, in the order of a stream."""
        self.call("cuMemcpyHtoDAsync", dest.pointer, src.ctypes.data, src.nbytes, stream.raw)

    def memcpy_dtoh_async(self, dest: np.ndarray, src: "_Allocation", stream: "_Stream") -> None:
        """Copy from the GPU, in the order of a stream."""
        self.call("cuMemcpyDtoHAsync", dest.ctypes.data, src.pointer, dest.nbytes, stream.raw)


class _Attributes:
    def __init__(self, driver: Any) -> None:
        self.MULTIPROCESSOR_COUNT = driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT


class _Device:
    def __init__(self, cuda: CudaBindings, number: int) -> None:
        self._cuda = cuda
        self._raw = cuda.call("cuDeviceGet", number)

    def name(self) -> str:
        words = self._cuda.call("cuDeviceGetName", 256, self._raw)
        return str(words.split(b"\0")[0].decode())

    def get_attribute(self, attribute: Any) -> int:
        return int(self._cuda.call("cuDeviceGetAttribute", attribute, self._raw))

    def compute_capability(self) -> Tuple[int, int]:
        kinds = self._cuda.driver.CUdevice_attribute
        major = self.get_attribute(kinds.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)
        return major, self.get_attribute(kinds.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)

    def make_context(self, flags: int) -> "_Context":
        # The device's own context: the arguments of cuCtxCreate changed with CUDA 13.
        self._cuda.call("cuDevicePrimaryCtxSetFlags", self._raw, flags & _SCHEDULING)
        self._cuda.call("cuCtxSetCurrent", self._cuda.call("cuDevicePrimaryCtxRetain", self._raw))
        return _Context(self._cuda, self._raw)


class _Context:
    def __init__(self, cuda: CudaBindings, device: Any) -> None:
        self._cuda, self._device = cuda, device

    def pop(self) -> None:
        self._cuda.call("cuDevicePrimaryCtxRelease", self._device)


class _Allocation:
    def __init__(self, cuda: CudaBindings, size: int) -> None:
        self._cuda = cuda
        self.pointer = cuda.call("cuMemAlloc", size)

    def __int__(self) -> int:
        return int(self.pointer)

    def __del__(self) -> None:
        if hasattr(self, "pointer"):
            self._cuda.driver.cuMemFree(self.pointer)


class _Host:
    """Memory that numpy sees."""

    def __init__(self, cuda: CudaBindings, shape: Tuple[int, ...], dtype: Any, flags: int) -> None:
        kind = np.dtype(dtype)
        self._cuda = cuda
        self._pointer = self._allocated(int(np.prod(shape)) * kind.itemsize, flags)
        data = (int(self._pointer), False)
        self.__array_interface__ = {"data": data, "shape": tuple(shape), "typestr": kind.str, "version": 3}

    def _allocated(self, size: int, flags: int) -> Any:
        raise NotImplementedError

    def _free(self) -> None:
        raise NotImplementedError

    def __del__(self) -> None:
        if hasattr(self, "_pointer"):
            self._free()


class _PageLocked(_Host):
    def _allocated(self, size: int, flags: int) -> Any:
        return self._cuda.call("cuMemHostAlloc", size, flags)

    def _free(self) -> None:
        self._cuda.driver.cuMemFreeHost(self._pointer)

    def get_device_pointer(self) -> int:
        return int(self._cuda.call("cuMemHostGetDevicePointer", self._pointer, 0))


class _Managed(_Host):
    def _allocated(self, size: int, flags: int) -> Any:
        return self._cuda.call("cuMemAllocManaged", size, flags)

    def _free(self) -> None:
        self._cuda.driver.cuMemFree(self._pointer)

    def get_device_pointer(self) -> int:
        return int(self._pointer)


class _Stream:
    def __init__(self, cuda: CudaBindings) -> None:
        self._cuda = cuda
        self.raw = cuda.call("cuStreamCreate", 0)
        self.handle = int(self.raw)

    def synchronize(self) -> None:
        self._cuda.call("cuStreamSynchronize", self.raw)

    def __del__(self) -> None:
        if hasattr(self, "raw"):
            self._cuda.driver.cuStreamDestroy(self.raw)


class _Event:
    def __init__(self, cuda: CudaBindings) -> None:
        self._cuda = cuda
        self._raw = cuda.call("cuEventCreate", 0)

    def record(self, stream: _Stream) -> None:
        self._cuda.call("cuEventRecord", self._raw, stream.raw)

    def synchronize(self) -> None:
        self._cuda.call("cuEventSynchronize", self._raw)

    def time_till(self, event: "_Event") -> float:
        return float(self._cuda.call("cuEventElapsedTime", self._raw, event._raw))

    def __del__(self) -> None:
        if hasattr(self, "_raw"):
            self._cuda.driver.cuEventDestroy(self._raw)
