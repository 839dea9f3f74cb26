"""A stand-in for cuda.bindings.driver, if $STANDIN_CUDA_BINDINGS is "yes", on the same GPU as that for pycuda.

Each function has the arguments of cuda-bindings 13.5 and gives (code, values...). A handle is a class of its own, as
there: what takes a stream takes no event, and a GPU's pointer is no number of the host.
"""

import ctypes
import os

if os.environ.get("STANDIN_CUDA_BINDINGS") != "yes":
    raise ImportError("No module named 'cuda.bindings'")

from enum import IntEnum

import numpy as np
import standin_device as device

_host, _held = {}, {}


class CUresult(IntEnum):
    CUDA_SUCCESS = 0
    CUDA_ERROR_INVALID_VALUE = 1
    CUDA_ERROR_OUT_OF_MEMORY = 2
    CUDA_ERROR_NO_DEVICE = 100
    CUDA_ERROR_INVALID_CONTEXT = 201
    CUDA_ERROR_NOT_READY = 600
    CUDA_ERROR_NOT_SUPPORTED = 801


class CUdevice_attribute(IntEnum):  # noqa: N801
    CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT = 16
    CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR = 75
    CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR = 76


class _Handle:
    def __init__(self, what):
        self.what = what

    def __int__(self):
        return int(getattr(self.what, "handle", 0) or self.what)


class CUdevice(_Handle):
    pass


class CUcontext(_Handle):
    pass


class CUdeviceptr(_Handle):
    pass


class CUstream(_Handle):
    pass


class CUevent(_Handle):
    pass


OK = CUresult.CUDA_SUCCESS


def _tried(work, *kinds):
    """(code, what `work` gives); the arguments must be handles of these kinds."""
    if not all(isinstance(argument, kind) for argument, kind in kinds):
        raise TypeError("an argument is of another kind")
    try:
        return OK, work()
    except device.MemoryError:
        return CUresult.CUDA_ERROR_OUT_OF_MEMORY, None
    except device.LogicError as error:
        for word, code in (("not supported", 801), ("not ready", 600), ("context", 201)):
            if word in str(error):
                return CUresult(code), None
        return CUresult.CUDA_ERROR_INVALID_VALUE, None
    except device.RuntimeError:
        return CUresult.CUDA_ERROR_NO_DEVICE, None


def cuGetErrorName(error):  # noqa: N802  (the driver's own names, here and below)
    return OK, CUresult(error).name.encode()


def cuInit(Flags):  # noqa: N802, N803
    return _tried(device.init)[:1]


def cuDriverGetVersion():  # noqa: N802
    return OK, device.get_driver_version()


def cuDeviceGet(ordinal):  # noqa: N802
    return _tried(lambda: CUdevice(device.Device(ordinal)))


def cuDeviceGetName(length, dev):  # noqa: N802
    return _tried(lambda: dev.what.name().encode().ljust(length, b"\0"), (dev, CUdevice))


def cuDeviceGetAttribute(attrib, dev):  # noqa: N802
    major, minor = dev.what.compute_capability()
    return OK, {75: major, 76: minor, 16: 2}[int(CUdevice_attribute(attrib))]


def cuDevicePrimaryCtxSetFlags(dev, flags):  # noqa: N802
    if flags not in (0, 1, 2, 4):
        return (CUresult.CUDA_ERROR_INVALID_VALUE,)
    _held["flags"] = flags
    return (OK,)


def cuDevicePrimaryCtxRetain(dev):  # noqa: N802
    _held["context"] = dev.what.make_context(_held["flags"] | device.ctx_flags.MAP_HOST)
    device._state["contexts"] -= 1  # retained, and not yet current
    return OK, CUcontext(1)


def cuCtxSetCurrent(ctx):  # noqa: N802
    if not isinstance(ctx, CUcontext):
        raise TypeError("no context")
    device._state["contexts"] += 1
    return (OK,)


def cuDevicePrimaryCtxRelease(dev):  # noqa: N802
    _held.pop("context").pop()
    return (OK,)


def cuMemGetInfo():  # noqa: N802
    code, info = _tried(device.mem_get_info)
    return (code, *info)


def cuMemAlloc(bytesize):  # noqa: N802
    return _tried(lambda: CUdeviceptr(device.mem_alloc(bytesize)))


def cuMemFree(dptr):  # noqa: N802
    if not isinstance(dptr, CUdeviceptr):
        raise TypeError("no pointer of the GPU")
    _host.pop(_held.pop(int(dptr), None), None)
    dptr.what = 0
    return (OK,)


def _on_host(array):
    pointer = array.ctypes.data
    _host[pointer] = array
    return pointer


def cuMemHostAlloc(bytesize, Flags):  # noqa: N802, N803
    return _tried(lambda: _on_host(device.pagelocked_empty((bytesize,), np.uint8, mem_flags=Flags)))


def cuMemFreeHost(p):  # noqa: N802
    del _host[p]
    return (OK,)


def cuMemHostGetDevicePointer(p, Flags):  # noqa: N802, N803
    return _tried(lambda: CUdeviceptr(_host[p].base.get_device_pointer()))


def cuMemAllocManaged(bytesize, flags):  # noqa: N802
    code, array = _tried(lambda: device.managed_empty((bytesize,), np.uint8, mem_flags=flags))
    if array is None:
        return code, None
    pointer = CUdeviceptr(_on_host(array))
    # The GPU sees it at the host's own address.
    device._memory[int(pointer)] = np.frombuffer(array.base, np.uint8)
    device._managed.add(int(pointer))
    _held[int(pointer)] = int(pointer)
    return OK, pointer


def _array(pointer, size):
    if pointer not in _host or _host[pointer].nbytes != size:
        raise device.LogicError("an asynchronous copy is between cuMemAlloc and all of page-locked memory")
    return _host[pointer]


def cuMemcpyHtoD(dstDevice, srcHost, ByteCount):  # noqa: N802, N803
    given = np.frombuffer((ctypes.c_ubyte * ByteCount).from_address(srcHost), np.uint8)
    return _tried(lambda: device.memcpy_htod(dstDevice.what, given), (dstDevice, CUdeviceptr))[:1]


def cuMemcpyHtoDAsync(dstDevice, srcHost, ByteCount, hStream):  # noqa: N802, N803
    kinds = (dstDevice, CUdeviceptr), (hStream, CUstream)
    return _tried(lambda: device.memcpy_htod_async(dstDevice.what, _array(srcHost, ByteCount), hStream.what), *kinds)[
        :1
    ]


def cuMemcpyDtoHAsync(dstHost, srcDevice, ByteCount, hStream):  # noqa: N802, N803
    kinds = (srcDevice, CUdeviceptr), (hStream, CUstream)
    return _tried(lambda: device.memcpy_dtoh_async(_array(dstHost, ByteCount), srcDevice.what, hStream.what), *kinds)[
        :1
    ]


def cuStreamCreate(Flags):  # noqa: N802, N803
    return _tried(lambda: CUstream(device.Stream()))


def cuStreamSynchronize(hStream):  # noqa: N802, N803
    return _tried(lambda: hStream.what.synchronize(), (hStream, CUstream))[:1]


def cuStreamDestroy(hStream):  # noqa: N802, N803
    return (OK,) if isinstance(hStream, CUstream) else (CUresult.CUDA_ERROR_INVALID_VALUE,)


def cuEventCreate(Flags):  # noqa: N802, N803
    return _tried(lambda: CUevent(device.Event()))


def cuEventRecord(hEvent, hStream):  # noqa: N802, N803
    return _tried(lambda: hEvent.what.record(hStream.what), (hEvent, CUevent), (hStream, CUstream))[:1]


def cuEventSynchronize(hEvent):  # noqa: N802, N803
    return _tried(lambda: hEvent.what.synchronize(), (hEvent, CUevent))[:1]


def cuEventElapsedTime(hStart, hEnd):  # noqa: N802, N803
    return _tried(lambda: hStart.what.time_till(hEnd.what), (hStart, CUevent), (hEnd, CUevent))


def cuEventDestroy(hEvent):  # noqa: N802, N803
    return (OK,) if isinstance(hEvent, CUevent) else (CUresult.CUDA_ERROR_INVALID_VALUE,)
