"""edgesynth: from evolution to TensorRT.

A trained network (the ancestor) is bred, generation by generation, into a much smaller one that keeps its accuracy; the
small one is carried, proven equal at every step, to an engine on a small board whose latency and images per joule are
measured.
"""

__version__ = "0.1.0"
