"""Engines by name. A new engine is a new file with a class like `OnnxRuntime`, and one line here."""

from typing import Dict, Type

from edgesynth.benchmark.engines.onnxruntime import OnnxRuntime
from edgesynth.errors import UserError

ENGINES: Dict[str, Type[OnnxRuntime]] = {OnnxRuntime.name: OnnxRuntime}


def find(name: str) -> Type[OnnxRuntime]:
    """The engine of a name.

    Args:
        name: one of `ENGINES`.

    Returns:
        The engine's class; one object of it holds one loaded model.

    Raises:
        UserError: there is no engine of that name.
    """
    if name not in ENGINES:
        raise UserError("there is no engine {!r}; choose from: {}".format(name, ", ".join(sorted(ENGINES))))
    return ENGINES[name]
