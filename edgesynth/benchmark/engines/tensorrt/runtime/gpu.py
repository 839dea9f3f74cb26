"""The GPU: one context for the whole process."""

import atexit
import weakref
from typing import Any, List, NamedTuple, Optional, Tuple

from edgesynth.benchmark.engines.engine import BLOCK, SPIN
from edgesynth.benchmark.engines.tensorrt.runtime.access import advice
from edgesynth.benchmark.engines.tensorrt.runtime.cuda_driver import import_driver
from edgesynth.boards.table import native_precisions
from edgesynth.errors import UserError

_opened: List["Gpu"] = []
# What must let go of the GPU while its context is still there; each has a method close.
_holders: Any = weakref.WeakSet()


class Gpu(NamedTuple):
    """The first GPU, with its context made current.

    Attributes:
        cuda: the module `pycuda.driver`, or what stands for it.
        package: what gives it, "pycuda" or "cuda-bindings".
        name: what the driver calls it.
        sm: compute capability.
        multiprocessors: how many; a TX1 and a Nano have the same name and differ in them.
        total_bytes: its memory; on a Jetson that of the whole board.
        driver: version of CUDA that the driver has, e.g. 10020.
        wait: how the CPU waits for it, one of `WAITS`.
    """

    cuda: Any
    package: str
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
        UserError: no driver can be imported, or there is no GPU that it can use, or it was opened to wait otherwise.
    """
    if not _opened:
        package, cuda = import_driver()
        try:
            cuda.init()
            device = cuda.Device(0)
            flags = {SPIN: cuda.ctx_flags.SCHED_SPIN, BLOCK: cuda.ctx_flags.SCHED_BLOCKING_SYNC}
            # The second flag lets the GPU see page-locked memory; CUDA 11 sets it by itself.
            context = device.make_context(flags[wait or SPIN] | cuda.ctx_flags.MAP_HOST)
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
                package=package,
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


def _close(context: Any) -> None:
    """TensorRT fails on what outlives the context, and pycuda aborts if one is still current when it is unloaded."""
    for holder in list(_holders):
        holder.close()
    context.pop()
