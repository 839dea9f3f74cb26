"""Detection: images with boxes, as PASCAL VOC, KITTI and COCO annotate them."""

from edgesynth.tasks.detection.detection import Detection
from edgesynth.tasks.detection.folders import boxes_task
from edgesynth.tasks.detection.presentation import DetectionsPresentation, GridPresentation

__all__ = ["Detection", "DetectionsPresentation", "GridPresentation", "boxes_task"]
