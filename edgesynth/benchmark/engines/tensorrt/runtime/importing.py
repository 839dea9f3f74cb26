"""`tensorrt` and its version, imported where it is used: a machine without it has the other engine."""

import re
from typing import Any, Optional, Tuple

from edgesynth.errors import UserError


def problem_of_import() -> Optional[str]:
    """Why TensorRT cannot be imported here, in one line; None if it can."""
    try:
        import tensorrt  # noqa: F401
    except (ImportError, OSError) as error:  # OSError: the module is there and one of its libraries is not
        return " ".join(str(error).split())
    return None


def import_tensorrt() -> Any:
    """The module.

    Raises:
        UserError: it cannot be imported.
    """
    problem = problem_of_import()
    if problem is not None:
        raise UserError(
            "the engine tensorrt needs TensorRT for Python, which cannot be imported here ({}); JetPack has it as "
            "python3-libnvinfer (a virtual environment needs --system-site-packages), or use "
            "--engine onnxruntime".format(problem)
        )
    import tensorrt

    return tensorrt


def version_of(tensorrt: Any) -> Tuple[int, ...]:
    """Major, minor and whatever numbers follow, e.g. (8, 2, 1, 8)."""
    return tuple(int(part) for part in re.findall(r"\d+", tensorrt.__version__))
