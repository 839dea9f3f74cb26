"""CUDA's driver from Python: pycuda where it is there, else cuda-bindings; and which of the two to install here."""

import importlib
import json
import os
import re
import sys
from typing import Any, Optional, Tuple

from edgesynth.benchmark.engines.tensorrt.runtime.cuda_bindings import CudaBindings
from edgesynth.errors import UserError

# pycuda before 2023.1 does not work on Python 3.11 (inducer/pycuda#359, gprMax/gprMax#380), and since 2022.2 it needs
# Python 3.8. cuda-bindings has no release for the Python or the CUDA of JetPack 4.
_PYCUDA_OLD, _PYCUDA_NEW = "pycuda<2021.1", "pycuda>=2023.1"
_BINDINGS_PYTHON, _BINDINGS_CUDA = (3, 10), 12
_NEW_PYTHON = (3, 8)


def import_driver(root: str = "/") -> Tuple[str, Any]:
    """The module `pycuda.driver`, or what stands for it, with the package's name.

    Args:
        root: folder that holds `usr/local/cuda`, by which the advice goes.

    Raises:
        UserError: neither can be imported.
    """
    try:
        return "pycuda", importlib.import_module("pycuda.driver")
    except (ImportError, OSError) as error:
        why = " ".join(str(error).split())
    for name in ("cuda.bindings.driver", "cuda.cuda"):
        try:
            return "cuda-bindings", CudaBindings(importlib.import_module(name))
        except (ImportError, OSError):
            continue
    raise UserError(
        "the engine tensorrt needs pycuda or cuda-bindings, and neither can be imported here ({}); install it on the "
        "board with: {}, or use --engine onnxruntime".format(why, advice(sys.version_info[:2], cuda_major(root)))
    )


def advice(python: Tuple[int, int], cuda: Optional[int]) -> str:
    """The command that installs a driver.

    Args:
        python: its version.
        cuda: major version of CUDA; None where it is not known.
    """
    if python >= _BINDINGS_PYTHON and (cuda is None or cuda >= _BINDINGS_CUDA):
        return "python3 -m pip install 'cuda-bindings{}'".format("" if cuda is None else "=={}.*".format(cuda))
    package = _PYCUDA_NEW if python >= _NEW_PYTHON else _PYCUDA_OLD
    return "PATH=/usr/local/cuda/bin:$PATH python3 -m pip install '{}'".format(package)


def cuda_major(root: str = "/") -> Optional[int]:
    """Major version of CUDA by the files of its toolkit; None without one.

    Args:
        root: folder that holds `usr/local/cuda`.
    """
    folder = os.path.join(root, "usr/local/cuda")
    try:
        with open(os.path.join(folder, "version.json"), encoding="utf-8") as file:  # since CUDA 11.1
            text = str(json.load(file)["cuda"]["version"])
    except (OSError, ValueError, LookupError, TypeError):
        try:
            with open(os.path.join(folder, "version.txt"), encoding="utf-8") as file:
                text = file.read()
        except OSError:
            return None
    match = re.search(r"(\d+)\.\d+", text)
    return int(match.group(1)) if match else None
