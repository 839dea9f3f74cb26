"""Engines by name. A user's own engine is a class anywhere (see `imported`).

An engine is imported when it is first asked for: `--help` names all of them and needs no library.
"""

import importlib
from typing import TYPE_CHECKING, Dict, Tuple, Type

from edgesynth.errors import UserError

if TYPE_CHECKING:
    from edgesynth.benchmark.engines.engine import Engine

ONNXRUNTIME, TENSORRT, TENSORRT_RTX = "onnxruntime", "tensorrt", "tensorrt-rtx"
# {name: module:class}
ENGINES: Dict[str, str] = {
    ONNXRUNTIME: "edgesynth.benchmark.engines.onnxruntime:OnnxRuntime",
    TENSORRT: "edgesynth.benchmark.engines.tensorrt.engine:TensorRt",
    TENSORRT_RTX: "edgesynth.benchmark.engines.tensorrt.for_rtx:TensorRtForRtx",
}


def find(name: str) -> "Type[Engine]":
    """The engine of a name.

    Args:
        name: one of `ENGINES`, or `package.module:Class`.

    Returns:
        The engine's class; one object of it holds one loaded model.

    Raises:
        UserError: there is no engine of that name, or the class is none.
    """
    from edgesynth.benchmark.engines.imported import import_engine, is_imported

    if is_imported(name):
        return import_engine(name)
    if name not in ENGINES:
        raise UserError(
            "there is no engine {!r}; choose from: {}, or give package.module:Class".format(
                name, ", ".join(sorted(ENGINES))
            )
        )
    module, _, kind = ENGINES[name].partition(":")
    engine: Type[Engine] = getattr(importlib.import_module(module), kind)
    return engine


def default() -> Tuple[str, str]:
    """The engine where none is asked for: TensorRT if it can be imported, else ONNX Runtime; and why, in words."""
    from edgesynth.benchmark.engines.tensorrt.runtime.importing import problem_of_import

    problem = problem_of_import()
    if problem is None:
        return TENSORRT, "it can be imported here; --engine onnxruntime takes the other"
    return ONNXRUNTIME, "TensorRT cannot be imported here: {}".format(problem)
