"""Semantic segmentation: images and masks that number the class of each pixel."""

from edgesynth.tasks.segmentation.camvid import camvid
from edgesynth.tasks.segmentation.presentation import ClassMapPresentation
from edgesynth.tasks.segmentation.segmentation import Segmentation
from edgesynth.tasks.segmentation.voc import voc_segmentation

__all__ = ["ClassMapPresentation", "Segmentation", "camvid", "voc_segmentation"]
