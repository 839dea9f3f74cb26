"""Tensors that go into an engine and come out of it, in the three kinds of memory that a GPU reads."""

from typing import Any, Tuple

import numpy as np

from edgesynth.benchmark.engines.tensorrt.runtime.gpu import Gpu
from edgesynth.benchmark.engines.ways import MANAGED, MAPPED, PINNED
from edgesynth.errors import UserError

# TensorRT's own types by name, as numpy has them.
_TYPES = {
    "FLOAT": np.float32,
    "HALF": np.float16,
    "INT8": np.int8,
    "INT32": np.int32,
    "INT64": np.int64,
    "UINT8": np.uint8,
    "BOOL": np.bool_,
}


class Pinned:
    """A tensor on the GPU with page-locked memory on the host, which makes copies direct.

    On a Jetson below compute capability 7.2 the CPU does not cache page-locked memory: it is slow to read there.

    Args:
        gpu: where.
        shape: of the tensor, all sizes at least 1.
        dtype: its type in numpy.

    Attributes:
        host: what the CPU sees, of that shape and type.
        address: what the GPU sees.
        copies: whether `upload` and `download` do anything.
    """

    copies = True

    def __init__(self, gpu: Gpu, shape: Tuple[int, ...], dtype: Any) -> None:
        self._cuda = gpu.cuda
        self.host = gpu.cuda.pagelocked_empty(shape, dtype)
        self._device = gpu.cuda.mem_alloc(self.host.nbytes)
        self.address = int(self._device)

    def upload(self, stream: Any) -> None:
        """Copy to the GPU, in the order of the stream."""
        self._cuda.memcpy_htod_async(self._device, self.host, stream)

    def download(self, stream: Any) -> None:
        """Copy from the GPU, in the order of the stream."""
        self._cuda.memcpy_dtoh_async(self.host, self._device, stream)


class _Shared:
    """A tensor in memory that the CPU and the GPU both see: nothing is copied."""

    copies = False
    host: Any
    address: int

    def upload(self, stream: Any) -> None:
        """Nothing to do."""

    def download(self, stream: Any) -> None:
        """Nothing to do."""


class Mapped(_Shared):
    """A tensor in page-locked memory of the host that the GPU reads and writes in its place ("zero-copy")."""

    def __init__(self, gpu: Gpu, shape: Tuple[int, ...], dtype: Any) -> None:
        flags = gpu.cuda.host_alloc_flags.DEVICEMAP
        self.host = gpu.cuda.pagelocked_empty(shape, dtype, mem_flags=flags)
        self.address = int(self.host.base.get_device_pointer())


class Managed(_Shared):
    """A tensor in memory that the driver keeps in the caches of whoever uses it ("unified").

    The CPU must not touch it while the GPU works.
    """

    def __init__(self, gpu: Gpu, shape: Tuple[int, ...], dtype: Any) -> None:
        flags = gpu.cuda.mem_attach_flags.GLOBAL
        self.host = gpu.cuda.managed_empty(shape, dtype, mem_flags=flags)
        self.address = int(self.host.base.get_device_pointer())


_KINDS = {PINNED: Pinned, MAPPED: Mapped, MANAGED: Managed}


def buffer_of(gpu: Gpu, memory: str, shape: Tuple[int, ...], dtype: Any) -> Any:
    """A tensor in one kind of memory.

    Args:
        gpu: where.
        memory: one of `ways.MEMORIES`.
        shape: all sizes at least 1.
        dtype: TensorRT's type of it.

    Raises:
        UserError: its type is none that a bundle's model gives, or the GPU does not have this kind of memory.
    """
    if dtype.name not in _TYPES:
        raise UserError("a tensor of the model is {}; only {} can be run".format(dtype.name, ", ".join(_TYPES)))
    try:
        return _KINDS[memory](gpu, shape, _TYPES[dtype.name])
    except gpu.cuda.MemoryError:
        raise
    except gpu.cuda.Error as error:
        if memory == PINNED:
            raise
        raise UserError(
            "{} ({}) gives no {} memory ({}); use --memory {}".format(
                gpu.name, gpu.sm_name, memory, " ".join(str(error).split()), PINNED
            )
        ) from None
