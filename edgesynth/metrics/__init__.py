"""Metrics, in numpy: one file for each, the same in training and on a board (Python 3.6).

Adding one means adding a file and a line to `METRICS`; a manifest names it.
"""

from typing import Dict

from edgesynth.metrics.accuracy import Accuracy
from edgesynth.metrics.average_precision import AveragePrecision
from edgesynth.metrics.f_beta import FBeta
from edgesynth.metrics.mean_iou import MeanIou
from edgesynth.metrics.metric import Metric

METRICS: Dict[str, Metric] = {metric.name: metric for metric in (Accuracy(), FBeta(), MeanIou(), AveragePrecision())}
# What results and runs were scored by before they named it.
FIRST = Accuracy.name

__all__ = ["FIRST", "METRICS", "Metric"]
