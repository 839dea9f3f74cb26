"""Annotations of boxes: the layouts of PASCAL VOC, KITTI and COCO, and which of their boxes are sound."""
