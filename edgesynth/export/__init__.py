"""Export: an individual becomes a bundle, which holds all that a board needs; edgesynth is not needed there."""

from edgesynth.export.bundle.bundle import Bundle, Progress, export_individual
from edgesynth.export.bundle.ledger import Hop, Ledger
from edgesynth.export.bundle.rehearsal import NO_INT8, rehearse
from edgesynth.export.int8.faster.speed import Layers
from edgesynth.export.int8.weight_forms import Target
from edgesynth.export.measuring.on_machine import OnMachine, instrument_for
from edgesynth.export.measuring.quick_latency import quick_latency
from edgesynth.export.onnx.onnx_file import to_onnx
from edgesynth.export.onnx.planned.kernels import other_kernels_of
from edgesynth.export.onnx.times import OnnxRuntimeClock

__all__ = [
    "NO_INT8",
    "Bundle",
    "Hop",
    "Layers",
    "Ledger",
    "OnMachine",
    "OnnxRuntimeClock",
    "Progress",
    "Target",
    "export_individual",
    "instrument_for",
    "other_kernels_of",
    "quick_latency",
    "rehearse",
    "to_onnx",
]
