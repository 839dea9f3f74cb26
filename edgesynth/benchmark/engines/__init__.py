"""Engines by name. A user's own engine is a class anywhere (see `imported`)."""

from typing import Dict, Tuple, Type

from edgesynth.benchmark.engines.engine import Engine
from edgesynth.benchmark.engines.imported import import_engine, is_imported
from edgesynth.benchmark.engines.onnxruntime import OnnxRuntime
from edgesynth.benchmark.engines.tensorrt.engine import TensorRt
from edgesynth.benchmark.engines.tensorrt.runtime.importing import problem_of_import
from edgesynth.errors import UserError

ENGINES: Dict[str, Type[Engine]] = {OnnxRuntime.name: OnnxRuntime, TensorRt.name: TensorRt}


def find(name: str) -> Type[Engine]:
    """The engine of a name.

    Args:
        name: one of `ENGINES`, or `package.module:Class`.

    Returns:
        The engine's class; one object of it holds one loaded model.

    Raises:
        UserError: there is no engine of that name, or the class is none.
    """
    if is_imported(name):
        return import_engine(name)
    if name not in ENGINES:
        raise UserError(
            "there is no engine {!r}; choose from: {}, or give package.module:Class".format(
                name, ", ".join(sorted(ENGINES))
            )
        )
    return ENGINES[name]


def default() -> Tuple[str, str]:
    """The engine where none is asked for: TensorRT if it can be imported, else ONNX Runtime; and why, in words."""
    problem = problem_of_import()
    if problem is None:
        return TensorRt.name, "it can be imported here; --engine onnxruntime takes the other"
    return OnnxRuntime.name, "TensorRT cannot be imported here: {}".format(problem)
