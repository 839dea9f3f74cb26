"""The metrics of the board against those of the tasks, and what they refuse."""

import numpy as np
import pytest
import torch

from edgesynth.benchmark.bundle.bundle import open_target
from edgesynth.benchmark.bundle.samples import Samples
from edgesynth.benchmark.result.table import format_table
from edgesynth.metrics import METRICS
from edgesynth.tasks import Classification, Detection, Saliency, Segmentation
from edgesynth.tasks.saliency.f_beta import f_beta
from edgesynth.tasks.segmentation.miou import mean_iou


def test_every_built_in_task_can_be_scored_on_the_board():
    assert {task.metric_name for task in (Classification, Saliency, Segmentation, Detection)} == set(METRICS)


def test_f_beta_on_the_board_is_f_beta_in_training():
    draws = np.random.default_rng(3)
    logits = draws.normal(0, 3, (5, 1, 24, 20)).astype(np.float32)
    masks = (logits + draws.normal(0, 3, logits.shape) > 1).astype(np.uint8)
    masks[4] = 0
    ours = f_beta(torch.from_numpy(logits), torch.from_numpy(masks))
    assert METRICS["F-beta"].score(logits, masks) == pytest.approx(ours, abs=1e-6) and 40 < ours < 95


def test_miou_on_the_board_is_miou_in_training():
    draws = np.random.default_rng(4)
    labels = draws.integers(0, 5, (3, 12, 10)).astype(np.uint8)
    scores = (draws.normal(0, 1, (3, 7, 12, 10)) + 1.5 * np.eye(7)[labels].transpose(0, 3, 1, 2)).astype(np.float32)
    scores[:, 6] = -9  # a class that neither occurs nor is predicted; 5 is predicted alone
    labels[draws.random(labels.shape) < 0.2] = 255
    ours = mean_iou(torch.from_numpy(scores), torch.from_numpy(labels))
    assert METRICS["mIoU"].score(scores, labels) == pytest.approx(ours, abs=1e-9) and 20 < ours < 80


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


def test_the_table_names_the_metric_of_the_result(bundle):
    from edgesynth.benchmark.measure.run import measure
    from edgesynth.benchmark.measure.settings import Settings

    result = measure(open_target(str(bundle)), settings=Settings(duration_s=0.02, warm_up_s=0.0, idle_s=0.0))
    assert result["metric"] == "accuracy" and "accuracy %" in format_table(result)[0]
    assert "F-beta %" in format_table({**result, "metric": "F-beta"})[0]
    del result["metric"]  # as an older edgesynth wrote it
    assert "accuracy %" in format_table(result)[0]
