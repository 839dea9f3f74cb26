"""edgesynth: from evolution to TensorRT.

A trained network (the ancestor) is bred, generation by generation, into a much smaller one that keeps its accuracy; the
small one is carried, proven equal at every step, to an engine on a small board whose latency and images per joule are
measured.

    run = edgesynth.evolve("lenet5", "digits", run="runs/digits", max_synapses=10_000)
    small = run.network()
"""

import importlib

__version__ = "0.1.0"

# Where each public name lives: imported when it is first asked for, because it brings torch along.
_PUBLIC = {
    "Classification": "edgesynth.tasks",
    "Split": "edgesynth.tasks",
    "Task": "edgesynth.tasks",
    "UserError": "edgesynth.errors",
    "evolve": "edgesynth.api",
}

__all__ = ["Classification", "Split", "Task", "UserError", "evolve"]


def __getattr__(name):
    """Import a public name (PEP 562: Python 3.7 and newer; the board's 3.6 has no use for them)."""
    if name not in _PUBLIC:
        raise AttributeError("module {!r} has no attribute {!r}".format(__name__, name))
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__():
    return sorted({*globals(), *_PUBLIC})
