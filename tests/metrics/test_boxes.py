"""Boxes on the board are those of training, and their average precision is that of COCO's judge."""

import numpy as np
import pytest
import torch

from edgesynth.benchmark.bundle.samples import Samples
from edgesynth.metrics import METRICS
from edgesynth.metrics.average_precision import mean_average_precision
from edgesynth.metrics.boxes import detections
from edgesynth.tasks.detection.heads.coverage import CoverageHead
from edgesynth.tasks.detection.heads.suppression import Limits, suppressed
from edgesynth.tasks.detection.heads.yolo import YoloHead
from tests.metrics.judge import judged

ANCHORS = ((0.1, 0.1), (0.2, 0.2), (0.4, 0.3))
HEADS = [YoloHead(3, ANCHORS), CoverageHead(3, ANCHORS)]


def decoding_of(head):
    return {"form": "boxes", **head.to_json(), "classes": 3, **Limits()._asdict()}


def world(head, seed):
    """Labels, and outputs that are right with noise: some boxes found, some missed, some invented."""
    draws = torch.Generator().manual_seed(seed)
    low, size = 0.7 * torch.rand(6, 5, 2, generator=draws), 0.05 + 0.25 * torch.rand(6, 5, 2, generator=draws)
    kinds = torch.randint(-1, 3, (6, 5, 1), generator=draws).float()
    labels = torch.cat([kinds, low, low + size], 2)
    labels[5, :, 0] = -1
    outputs = head.perfect_outputs(labels, 8, 8)
    outputs += 0.2 * torch.randn(outputs.shape, generator=draws)
    sure = slice(4, None, 8) if isinstance(head, YoloHead) else slice(0, 3)
    outputs[:, sure] += 6 * torch.randn(outputs[:, sure].shape, generator=draws)
    return labels, outputs


@pytest.mark.parametrize("head", HEADS, ids=["yolov2", "detectnet"])
@pytest.mark.parametrize("seed", range(3))
def test_boxes_and_their_precision_are_those_of_the_task(head, seed):
    labels, outputs = world(head, seed)
    ours, decoding = suppressed(head.candidates(outputs)), decoding_of(head)
    theirs = detections(outputs.numpy(), decoding)
    for one, other in zip(ours, theirs, strict=True):
        assert one.shape == other.shape and np.abs(one.numpy() - other).max() < 1e-5
    found = METRICS["mAP@0.5"].of(decoding).score(outputs.numpy(), labels.numpy())
    assert found == pytest.approx(judged(ours, labels, 3), abs=1e-6) and 2 < found < 98


@pytest.mark.parametrize("seed", range(3))
def test_the_mean_over_overlaps_is_that_of_cocos_judge(seed):
    """Crowded images: more than a hundred boxes of a class, equal scores, boxes that several could find."""
    draws = np.random.default_rng(seed)
    low = draws.random((4, 30, 2)) * 0.7
    labels = np.concatenate([draws.integers(-1, 4, (4, 30, 1)), low, low + 0.05 + 0.25 * draws.random((4, 30, 2))], 2)
    detected = []
    for boxes in labels:
        corners = np.repeat(boxes[:, 1:], 5, axis=0) + draws.normal(0, 0.02, (150, 4))
        kinds, scores = draws.integers(0, 2, (150, 1)), np.round(draws.random((150, 1)), 1)
        rows = np.concatenate([kinds, scores, corners], 1)
        rows = rows[(rows[:, 4:] > rows[:, 2:4]).all(axis=1)]
        detected.append(rows[np.argsort(-rows[:, 1], kind="mergesort")])
    overlaps = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
    ours = mean_average_precision(detected, labels, overlaps)
    assert ours == pytest.approx(judged(detected, labels, 4, overlaps), abs=1e-6) and 1 < ours < 60


def test_an_answer_that_sees_nothing_scores_nothing():
    head = HEADS[1]
    labels, outputs = world(head, 0)
    silent = np.full(outputs.shape, -50, np.float32)
    assert METRICS["mAP@0.5"].of(decoding_of(head)).score(silent, labels.numpy()) == 0
    assert [one.shape for one in detections(silent, decoding_of(head))] == [(0, 6)] * 6


@pytest.mark.parametrize(
    "change",
    [{"head": "runes"}, {"classes": 4}, {"max_iou": None}, {"anchors": []}],
    ids=lambda change: next(iter(change)),
)
def test_outputs_that_the_manifest_does_not_explain_are_not_scored_and_it_is_said(change):
    head = HEADS[0]
    labels, outputs = world(head, 0)
    decoding = {name: value for name, value in {**decoding_of(head), **change}.items() if value is not None}
    expected = outputs.numpy()
    samples = Samples(np.zeros((6, 3, 8, 8), np.float32), labels.numpy(), expected, "mAP@0.5", decoding)
    score = samples.score(lambda images: expected, 6)
    assert score.accuracy_percent is None and score.reason.startswith("the outputs are not boxes")
