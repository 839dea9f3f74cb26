"""Heads of detectors: losses and decoding of YOLOv2's grid and DetectNet's, anchors, suppression."""
