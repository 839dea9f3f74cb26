"""Calibration: histograms of activations on training images, and ranges from them by several methods."""

from edgesynth.export.calibration.histogram import Histogram
from edgesynth.export.calibration.methods import METHODS, UNSEEN, Bounds, bounds_of
from edgesynth.export.calibration.observing import observe, show_all

__all__ = ["METHODS", "UNSEEN", "Bounds", "Histogram", "bounds_of", "observe", "show_all"]
