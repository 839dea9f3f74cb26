"""The GPU by pycuda: one context for the whole process, and the memory of a loaded model."""

import atexit
import weakref
from typing import Any, List, NamedTuple, Optional, Tuple

import numpy as np

from edgesynth.benchmark.engines.engine import BLOCK, SPIN
from edgesynth.benchmark.engines.tensorrt.runtime.access import advice
from edgesynth.boards.table import native_precisions
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
_opened: List["Gpu"] = []
# What must let go of the GPU while its context is still there; each has a method close.
_holders: Any = weakref.WeakSet()


class Gpu(NamedTuple):
    """The first GPU, with its context made current.

    Attributes:
        cuda: pycuda's driver module.
        name: what the driver calls it.
        sm: compute capability.
        multiprocessors: how many; a TX1 and a Nano have the same name and differ in them.
        total_bytes: its memory; on a Jetson that of the whole board.
        driver: version of CUDA that the driver has, e.g. 10020.
        wait: how the CPU waits for it, one of `WAITS`.
    """

    cuda: Any
    name: str
    sm: Tuple[int, int]
    multiprocessors: int
    total_bytes: int
    driver: int
    wait: str

    @property
    def sm_name(self) -> str:
        """As compilers write it, `sm_62`."""
        return "sm_{}{}".format(*self.sm)

    def native(self, precision: str) -> Optional[bool]:
        """Whether it has units for a precision; None where that is not known of its compute capability."""
        fp16, int8 = native_precisions(self.sm)
        return {"fp16": fp16, "int8": int8}.get(precision, True)


def open_gpu(wait: Optional[str] = None) -> Gpu:
    """The first GPU of this machine; opened once, closed when the process ends.

    Args:
        wait: how the CPU waits for it, one of `WAITS`; None for spinning, or as it was opened.

    Raises:
        UserError: pycuda cannot be imported, or there is no GPU that it can use, or it was opened to wait otherwise.
    """
    if not _opened:
        cuda = _import_pycuda()
        try:
            cuda.init()
            device = cuda.Device(0)
            flags = {SPIN: cuda.ctx_flags.SCHED_SPIN, BLOCK: cuda.ctx_flags.SCHED_BLOCKING_SYNC}
            context = device.make_context(flags[wait or SPIN])
        except cuda.Error as error:
            raise UserError(
                "no GPU can be used here ({}); TensorRT needs one: {}; or use --engine onnxruntime".format(
                    " ".join(str(error).split()), advice()
                )
            ) from None
        atexit.register(_close, context)
        major, minor = device.compute_capability()
        _opened.append(
            Gpu(
                cuda=cuda,
                name=device.name(),
                sm=(major, minor),
                multiprocessors=device.get_attribute(cuda.device_attribute.MULTIPROCESSOR_COUNT),
                total_bytes=cuda.mem_get_info()[1],
                driver=cuda.get_driver_version(),
                wait=wait or SPIN,
            )
        )
    if wait not in (None, _opened[0].wait):
        raise UserError(
            "this process waits for the GPU by {} and --wait is {}; measure each in a process of its own".format(
                _opened[0].wait, wait
            )
        )
    return _opened[0]


def hold(holder: Any) -> None:
    """Have an object closed before the GPU's context is, at the end of the process.

    Args:
        holder: has a method `close`; it is not kept alive by this.
    """
    _holders.add(holder)


class Buffer:
    """A tensor on the GPU with page-locked memory on the host, which makes copies direct.

    Args:
        gpu: where.
        shape: of the tensor, all sizes at least 1.
        dtype: TensorRT's type of it.

    Raises:
        UserError: its type is none that a bundle's model gives.
    """

    def __init__(self, gpu: Gpu, shape: Tuple[int, ...], dtype: Any) -> None:
        if dtype.name not in _TYPES:
            raise UserError("a tensor of the model is {}; only {} can be run".format(dtype.name, ", ".join(_TYPES)))
        self._cuda = gpu.cuda
        self.host = gpu.cuda.pagelocked_empty(shape, _TYPES[dtype.name])
        self._device = gpu.cuda.mem_alloc(self.host.nbytes)
        self.address = int(self._device)

    def upload(self, stream: Any) -> None:
        """Copy to the GPU, in the order of the stream."""
        self._cuda.memcpy_htod_async(self._device, self.host, stream)

    def download(self, stream: Any) -> None:
        """Copy from the GPU, in the order of the stream."""
        self._cuda.memcpy_dtoh_async(self.host, self._device, stream)


def _close(context: Any) -> None:
    """TensorRT fails on what outlives the context, and pycuda aborts if one is still current when it is unloaded."""
    for holder in list(_holders):
        holder.close()
    context.pop()


def _import_pycuda() -> Any:
    try:
        import pycuda.driver
    except (ImportError, OSError) as error:
        raise UserError(
            "the engine tensorrt needs pycuda, which cannot be imported here ({}); install it on the board with: "
            "PATH=/usr/local/cuda/bin:$PATH python3 -m pip install 'pycuda<2021.1', or use "
            "--engine onnxruntime".format(" ".join(str(error).split()))
        ) from None
    return pycuda.driver
