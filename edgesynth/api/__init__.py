"""Edgesynth for Python programs: what the commands do, as functions. `edgesynth` itself hands these names on."""

from edgesynth.api.deployment import compare, measure, plan, write_bundle
from edgesynth.api.evolving import Evolved, evolve
from edgesynth.api.loading import load, replay
from edgesynth.api.onnx_network import OnnxNetwork

__all__ = ["Evolved", "OnnxNetwork", "compare", "evolve", "load", "measure", "plan", "replay", "write_bundle"]
