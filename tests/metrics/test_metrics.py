"""Metrics against those of scikit-learn, and what they refuse."""

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, jaccard_score, precision_score, recall_score

from edgesynth.benchmark.bundle.samples import Samples
from edgesynth.metrics import METRICS
from edgesynth.tasks import Classification, Detection, Saliency, Segmentation, Split


def test_every_built_in_task_can_be_scored_on_the_board():
    assert {task.metric_name for task in (Classification, Saliency, Segmentation, Detection)} == set(METRICS)


def test_accuracy_is_that_of_scikit_learn():
    draws = np.random.default_rng(2)
    outputs, labels = draws.normal(0, 1, (200, 7)).astype(np.float32), draws.integers(0, 7, 200)
    ours = METRICS["accuracy"].score(outputs, labels)
    assert ours == 100 * accuracy_score(labels, outputs.argmax(1)) and 5 < ours < 30


def test_f_beta_is_that_of_averaged_precisions_and_recalls_of_scikit_learn():
    draws = np.random.default_rng(3)
    logits = draws.normal(0, 3, (5, 1, 24, 20)).astype(np.float32)
    masks = (logits + draws.normal(0, 3, logits.shape) > 1).astype(np.uint8)
    masks[4] = 0
    levels = np.rint(255 / (1 + np.exp(-logits.astype(np.float64)))).reshape(5, -1)
    truths, best = masks.reshape(5, -1), 0.0
    for level in range(256):
        salient = levels >= level
        precision, recall = (
            np.mean([score(truth, found, zero_division=1) for truth, found in zip(truths, salient, strict=True)])
            for score in (precision_score, recall_score)
        )
        best = max(best, 130 * precision * recall / (0.3 * precision + recall))
    assert METRICS["F-beta"].score(logits, masks) == pytest.approx(best, abs=1e-9) and 40 < best < 95


def test_mean_iou_is_the_mean_jaccard_score_of_scikit_learn():
    draws = np.random.default_rng(4)
    labels = draws.integers(0, 5, (3, 12, 10)).astype(np.uint8)
    scores = (draws.normal(0, 1, (3, 7, 12, 10)) + 1.5 * np.eye(7)[labels].transpose(0, 3, 1, 2)).astype(np.float32)
    scores[:, 6] = -9  # a class that neither occurs nor is predicted; 5 is predicted alone
    labels[draws.random(labels.shape) < 0.2] = 255
    counted = labels != 255
    predicted = scores.argmax(1)[counted]
    theirs = 100 * jaccard_score(labels[counted], predicted, average="macro", labels=range(6))
    assert METRICS["mIoU"].score(scores, labels) == pytest.approx(theirs, abs=1e-9) and 20 < theirs < 80


def test_miou_takes_neither_masks_of_void_alone_nor_classes_that_no_map_stands_for():
    metric, labels = METRICS["mIoU"], np.full((2, 4, 4), 255, np.uint8)
    assert not metric.takes(labels)
    labels[0, 0, 0] = 3
    assert metric.takes(labels)
    assert metric.fits(np.zeros((2, 4, 4, 4), np.float32), labels)
    assert not metric.fits(np.zeros((2, 3, 4, 4), np.float32), labels)
    assert not metric.fits(np.zeros((2, 4, 2, 4), np.float32), labels)


def test_maps_that_are_certain_do_not_overflow():
    logits = np.array([1e4, -1e4], np.float32).reshape(1, 1, 1, 2)
    with np.errstate(all="raise"):
        assert METRICS["F-beta"].score(logits, np.array([[[[1, 0]]]], np.uint8)) == 100.0


def test_outputs_of_another_form_are_not_scored_and_it_is_said_why():
    masks = np.zeros((2, 1, 4, 4), np.uint8)
    expected = np.zeros((2, 1, 2, 2), np.float32)
    score = Samples(np.zeros((2, 3, 4, 4), np.float32), masks, expected, "F-beta").score(lambda images: expected, 2)
    assert (score.accuracy_percent, score.reason) == (None, "the outputs are not one map of each mask's size")


def test_a_task_judges_outputs_through_which_gradients_flow_and_those_in_bfloat16():
    outputs = torch.eye(3, requires_grad=True) * 2
    task = Classification("three", *([Split(torch.zeros(3, 1, 2, 2), torch.tensor([0, 1, 0]))] * 2), None, list("abc"))
    assert task.metric(outputs, torch.tensor([0, 1, 0])) == pytest.approx(200 / 3)
    assert task.metric(outputs.bfloat16(), torch.tensor([0, 1, 2])) == 100
