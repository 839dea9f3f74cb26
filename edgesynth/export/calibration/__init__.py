"""Calibration: what activations do on training images, and the ranges that methods tell from it."""

from edgesynth.export.calibration.histogram import Histogram
from edgesynth.export.calibration.methods import METHODS, UNSEEN, Bounds, bounds_of
from edgesynth.export.calibration.observing import observe, show_all

__all__ = ["METHODS", "UNSEEN", "Bounds", "Histogram", "bounds_of", "observe", "show_all"]
