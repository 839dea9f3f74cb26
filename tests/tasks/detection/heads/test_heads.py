"""The heads of detectors: decoding, losses, suppression, and the precision that comes of it."""

import math
from dataclasses import replace

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from edgesynth.errors import UserError
from edgesynth.metrics.average_precision import mean_average_precision
from edgesynth.tasks import load_task
from edgesynth.tasks.detection.heads.coverage import CoverageHead
from edgesynth.tasks.detection.heads.head import Candidates
from edgesynth.tasks.detection.heads.suppression import Limits, suppressed
from edgesynth.tasks.detection.heads.yolo import YoloHead
from tests.tasks.scenes import write_voc

ANCHORS = ((0.1, 0.1), (0.2, 0.2), (0.4, 0.3), (0.3, 0.5), (0.7, 0.7))
HEADS = [YoloHead(3, ANCHORS), CoverageHead(3, ANCHORS)]
LABELS = torch.tensor(
    [
        [[0, 0.1, 0.1, 0.3, 0.3], [2, 0.5, 0.6, 0.9, 0.9], [-1, 0, 0, 0, 0]],
        [[1, 0.2, 0.3, 0.8, 0.9], [1, 0.0, 0.0, 0.15, 0.2], [0, 0.85, 0.1, 1.0, 0.2]],
    ]
)


@pytest.mark.parametrize("head", HEADS, ids=["yolov2", "detectnet"])
def test_an_answer_that_is_right_decodes_to_the_boxes_and_costs_next_to_nothing(head):
    right = head.perfect_outputs(LABELS, 8, 8)
    assert right.shape == (2, head.channels, 8, 8)
    for found, rows in zip(suppressed(head.candidates(right), Limits(min_score=0.5)), LABELS, strict=True):
        rows = rows[rows[:, 0] >= 0]
        order = [int((rows[:, 1:] - one[2:]).abs().sum(1).argmin()) for one in found]
        assert sorted(order) == list(range(len(rows)))
        assert torch.equal(found[:, 0], rows[order, 0]) and torch.allclose(found[:, 2:], rows[order, 1:], atol=1e-3)
    assert head.loss(right, LABELS) < 0.01 < head.loss(torch.zeros_like(right), LABELS)
    assert mean_average_precision(suppressed(head.candidates(right)), LABELS.numpy()) == pytest.approx(100)


@pytest.mark.parametrize("head", HEADS, ids=["yolov2", "detectnet"])
def test_descending_the_loss_finds_the_boxes(head):
    torch.manual_seed(0)
    outputs = torch.randn(2, head.channels, 8, 8, requires_grad=True)
    descent = torch.optim.Adam([outputs], lr=0.1)
    before = mean_average_precision(suppressed(head.candidates(outputs.detach())), LABELS.numpy())
    for _ in range(100):
        descent.zero_grad()
        head.loss(outputs, LABELS).backward()
        descent.step()
    found = mean_average_precision(suppressed(head.candidates(outputs.detach())), LABELS.numpy())
    assert before < 30 and found > 95


@pytest.mark.parametrize("head", HEADS, ids=["yolov2", "detectnet"])
def test_an_image_without_boxes_has_a_loss_that_says_be_silent(head):
    outputs = torch.zeros(1, head.channels, 4, 4, requires_grad=True)
    head.loss(outputs, torch.tensor([[[-1.0, 0, 0, 0, 0]]])).backward()
    place = 4 if isinstance(head, YoloHead) else 0
    assert outputs.grad[0, place].min() > 0
    assert outputs.grad.isfinite().all()


class Largest(TorchDispatchMode):
    """Remembers how many numbers the largest tensor had that was made meanwhile."""

    numbers = 0

    def __torch_dispatch__(self, function, types, given=(), named=None):
        made = function(*given, **(named or {}))
        if isinstance(made, torch.Tensor):
            self.numbers = max(self.numbers, made.numel())
        return made


def test_all_classes_that_cover_a_cell_are_told_without_a_tensor_of_boxes_by_classes():
    images, rows, classes, side = 2, 30, 40, 8
    draws = torch.Generator().manual_seed(0)
    begin, size = (torch.rand(images, rows, 2, generator=draws) * scale for scale in (0.6, 0.4))
    kinds = torch.randint(-1, classes, (images, rows, 1), generator=draws)
    labels = torch.cat([kinds, begin, begin + 0.05 + size * 0.8], dim=2)
    with Largest() as largest:
        said = CoverageHead(classes, ANCHORS).perfect_outputs(labels, side, side)[:, :classes]
    assert largest.numbers <= side * side * images * max(4 * rows, classes + 4)
    expected = torch.full_like(said, -10)
    cells = (torch.arange(side) + 0.5) / side
    for image, row in ((place, row) for place in range(images) for row in labels[place] if row[0] >= 0):
        center, half = (row[1:3] + row[3:]) / 2, (row[3:] - row[1:3]) / 2
        near = [(cells - center[axis]).abs() <= half[axis] / 2 for axis in (1, 0)]
        expected[image, int(row[0])][near[0][:, None] & near[1]] = 10
        expected[image, int(row[0]), int(center[1] * side), int(center[0] * side)] = 10
    assert torch.equal(said, expected) and (expected > 0).sum(1).max() > 2


def test_a_yolo_cell_says_place_and_size_as_the_paper_has_it():
    """b_x = sigmoid(t_x) + c_x, b_w = p_w exp(t_w), of YOLO9000, section 2."""
    outputs = torch.zeros(1, 5, 8, 2, 2)
    outputs[0, 1, :, 1, 0] = torch.tensor([0.0, math.log(3), math.log(2), 0.0, 9.0, 5.0, 0.0, 0.0])
    found = HEADS[0].candidates(outputs.flatten(1, 2))
    corners, scores = found.corners[0].unflatten(0, (5, 2, 2)), found.scores[0].unflatten(0, (5, 2, 2))
    # Anchor 1 is 0.2x0.2; the cell's corner is (0, 1) of a grid of 2x2.
    x, y, width, height = 0.5 / 2, (0.75 + 1) / 2, 0.4, 0.2
    expected = [x - width / 2, y - height / 2, x + width / 2, y + height / 2]
    assert corners[1, 1, 0].tolist() == pytest.approx(expected)
    share = math.exp(5) / (math.exp(5) + 2)
    assert scores[1, 1, 0, 0].item() == pytest.approx(share / (1 + math.exp(-9)), rel=1e-5)


def test_of_rivals_of_a_class_the_surest_is_kept_and_other_classes_are_no_rivals():
    # The last one's right is left of its left.
    corners = torch.tensor(
        [[[0, 0, 0.5, 0.5], [0.02, 0, 0.52, 0.5], [0.6, 0.6, 0.9, 0.9], [0.0, 0.1, 0.5, 1.4], [0.9, 0.9, 0.8, 1]]]
    )
    scores = torch.tensor([[[0.6, 0.5], [0.7, 0.0], [0.2, 0.0], [0.3, 0.001], [0.9, 0.9]]])
    (found,) = suppressed(Candidates(corners, scores))
    assert found[:, 0].tolist() == [0, 1, 0, 0]
    assert found[:, 1].tolist() == pytest.approx([0.7, 0.5, 0.3, 0.2])
    assert found[2, 2:].tolist() == pytest.approx([0, 0.1, 0.5, 1])  # cut at the image's edge; IoU 0.4 / 0.54
    (one,) = suppressed(Candidates(corners, scores), Limits(most=1))
    assert one.shape == (1, 6)


def test_average_precision_of_a_ranking_that_is_known():
    """Right, wrong, right of two true boxes: precision 1 up to recall 1/2 and 2/3 beyond, at 101 levels."""
    labels = torch.tensor([[[0, 0.1, 0.1, 0.3, 0.3], [0, 0.5, 0.5, 0.9, 0.9]]])
    found = torch.tensor([[0, 0.9, 0.1, 0.1, 0.3, 0.3], [0, 0.8, 0.3, 0.3, 0.4, 0.4], [0, 0.7, 0.5, 0.5, 0.9, 0.88]])
    expected = 100 * (51 * 1 + 50 * 2 / 3) / 101
    assert mean_average_precision([found.numpy()], labels.numpy()) == pytest.approx(
        expected
    )  # the second class has no box
    assert mean_average_precision([found[:0].numpy()], labels.numpy()) == 0
    assert math.isnan(mean_average_precision([found.numpy()], labels[:, :0].numpy()))
    assert math.isnan(mean_average_precision([(found * math.nan).numpy()], labels.numpy()))


def test_the_task_knows_the_head_by_the_channels_and_says_what_a_device_must_know(tmp_path):
    task = load_task(f"voc:{write_voc(tmp_path)}", None, 64)
    task = replace(task, anchors=ANCHORS)
    assert task.answer_shape == (35, 2, 2) and task.fits((35, 4, 4)) and task.fits((6, 9, 9))
    assert not task.fits((10, 4, 4)) and not task.fits((35,))
    assert task.decoding_of((35, 4, 4)) == {
        "form": "boxes",
        "head": "yolov2",
        "anchors": [list(anchor) for anchor in ANCHORS],
        "classes": 2,
        "min_score": 0.005,
        "max_iou": 0.45,
        "candidates": 400,
        "most": 100,
    }
    assert task.decoding_of((6, 9, 9))["head"] == "detectnet"
    with pytest.raises(UserError, match="outputs of 7 channels are no boxes of 2 classes; give 35"):
        task.loss(torch.zeros(1, 7, 2, 2), task.train.targets[:1])
