"""Export: an individual becomes a bundle, everything that a board needs and nothing of ours."""

from edgesynth.export.bundle import Bundle, export_individual
from edgesynth.export.kernels import kernels_beside
from edgesynth.export.ledger import Hop, Ledger
from edgesynth.export.measuring import OnMachine
from edgesynth.export.onnx_file import to_onnx
from edgesynth.export.rehearsal import NO_INT8, rehearse

__all__ = [
    "NO_INT8",
    "Bundle",
    "Hop",
    "Ledger",
    "OnMachine",
    "export_individual",
    "kernels_beside",
    "rehearse",
    "to_onnx",
]
