"""Metrics on the board, in numpy: one file for each. Adding one means adding a file and a line to `METRICS`.

Each is the second form of the metric of a task, which has it in torch; a manifest names it.
"""

from typing import Dict

from edgesynth.benchmark.metrics.accuracy import Accuracy
from edgesynth.benchmark.metrics.average_precision import AveragePrecision
from edgesynth.benchmark.metrics.f_beta import FBeta
from edgesynth.benchmark.metrics.metric import Metric
from edgesynth.benchmark.metrics.miou import MeanIou

METRICS: Dict[str, Metric] = {metric.name: metric for metric in (Accuracy(), FBeta(), MeanIou(), AveragePrecision())}
# What results and runs were scored by before they named it.
FIRST = Accuracy.name

__all__ = ["FIRST", "METRICS", "Metric"]
