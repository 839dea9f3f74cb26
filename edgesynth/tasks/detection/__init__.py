"""Detection: images with boxes, as PASCAL VOC, KITTI and COCO annotate them."""

from edgesynth.tasks.detection.detection import Detection
from edgesynth.tasks.detection.folders import boxes_task

__all__ = ["Detection", "boxes_task"]
