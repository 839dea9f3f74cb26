"""edgesynth: from evolution to TensorRT.

A trained network (the ancestor) is bred, generation by generation, into a much smaller one that keeps its accuracy; the
small one is carried, proven equal at every step, to an engine on a small board whose latency and images per joule are
measured.

    run = edgesynth.evolve("lenet5", "digits", run="runs/digits", max_synapses=10_000)
    small = run.network()

Pruning in a training code of your own: docs/pruning.md.
"""

from typing import TYPE_CHECKING, List

__version__ = "0.1.0"

# Where each public name lives: imported when it is first asked for, because it brings torch along.
_PUBLIC = {
    "Anatomy": "edgesynth.anatomy",
    "Classification": "edgesynth.tasks",
    "Detection": "edgesynth.tasks",
    "Segmentation": "edgesynth.tasks",
    "Split": "edgesynth.tasks",
    "Task": "edgesynth.tasks",
    "UserError": "edgesynth.errors",
    "compare": "edgesynth.api",
    "evolve": "edgesynth.api",
    "load": "edgesynth.api",
    "measure": "edgesynth.api",
    "plan": "edgesynth.api",
    "prove": "edgesynth.anatomy",
    "remove": "edgesynth.anatomy",
    "replay": "edgesynth.api",
    "trace": "edgesynth.anatomy",
    "write_bundle": "edgesynth.api",
}

__all__ = [
    "Anatomy",
    "Classification",
    "Detection",
    "Segmentation",
    "Split",
    "Task",
    "UserError",
    "compare",
    "evolve",
    "load",
    "measure",
    "plan",
    "prove",
    "remove",
    "replay",
    "trace",
    "write_bundle",
]

# A type checker sees these imports and no __getattr__: it knows each type, and refuses a name that is none of them.
if TYPE_CHECKING:
    from edgesynth.anatomy import Anatomy, prove, remove, trace
    from edgesynth.api import compare, evolve, load, measure, plan, replay, write_bundle
    from edgesynth.errors import UserError
    from edgesynth.tasks import Classification, Detection, Segmentation, Split, Task
else:

    def __getattr__(name):
        """Import a public name (PEP 562: Python 3.7 and newer; the board's 3.6 has no use for them)."""
        import importlib

        if name not in _PUBLIC:
            raise AttributeError("module {!r} has no attribute {!r}".format(__name__, name))
        return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__() -> List[str]:
    return sorted({*globals(), *_PUBLIC})
