"""NVIDIA's TensorRT for RTX: parser and graph compiler of TensorRT 10 and 11, in packages that build without a GPU.

Its wheels name no CUDA runtime, and their loader finds none that lies in a package of its own: it is loaded first.
"""

import ctypes
import os
from typing import Any, Optional

from edgesynth.errors import UserError

EXTRA = "tensorrt-rtx"
INSTALL = "pip install 'edgesynth[{}]'".format(EXTRA)
_CUDA_RUNTIME = "libcudart.so.12"


def problem_of_import() -> Optional[str]:
    """Why it cannot be imported here, in one line; None if it can."""
    try:
        _load_cuda_runtime()
        import tensorrt_rtx_bindings  # noqa: F401
    except (ImportError, OSError) as error:  # OSError: the module is there and one of its libraries is not
        return " ".join(str(error).split())
    return None


def import_tensorrt_rtx() -> Any:
    """The module, called as `tensorrt` is.

    Raises:
        UserError: it cannot be imported.
    """
    problem = problem_of_import()
    if problem is not None:
        raise UserError("this needs TensorRT for RTX, which cannot be imported here ({}): {}".format(problem, INSTALL))
    import tensorrt_rtx_bindings

    return tensorrt_rtx_bindings


def _load_cuda_runtime() -> None:
    """Make the CUDA runtime known to the libraries that are loaded next."""
    try:
        import nvidia.cuda_runtime as package
    except ImportError:
        path = _CUDA_RUNTIME  # where the system has it
    else:
        path = os.path.join(next(iter(package.__path__)), "lib", _CUDA_RUNTIME)
    ctypes.CDLL(path, mode=ctypes.RTLD_GLOBAL)
