"""Visual saliency: a folder of images and one of masks."""

from edgesynth.tasks.saliency.folders import masks
from edgesynth.tasks.saliency.presentation import MapPresentation
from edgesynth.tasks.saliency.saliency import Saliency

__all__ = ["MapPresentation", "Saliency", "masks"]
