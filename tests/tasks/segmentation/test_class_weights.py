"""Weights of classes in the loss of tasks whose answer is a class or a map; segmentation's stand with segmentation."""

from functools import partial

import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from edgesynth.errors import UserError
from edgesynth.tasks import Classification, Saliency, Split, load_task
from tests.tasks.scenes import write_voc

WEIGHTS = [2 / 3, 2.0, 1.0]  # of shares 3/4, 1/4 and 0, whose median is 1/2


@pytest.fixture
def classes():
    """Three classes; of four training images three are of the first and none of the last."""
    train = Split(torch.zeros(4, 3, 8, 8), torch.tensor([0, 0, 1, 0]))
    return Classification("mine", train, train, lambda: train, ["often", "seldom", "never"])


@pytest.fixture
def maps():
    """Saliency: 7/8 of the pixels are not salient, and 1/4 are in the image that has any; their median is 9/16."""
    masks = torch.zeros(2, 1, 2, 2, dtype=torch.uint8)
    masks[0, 0, 0, 0] = 1
    train = Split(torch.zeros(2, 3, 2, 2), masks)
    return Saliency("mine", train, train, lambda: train, ["salient"])


def draw(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def test_classes_weigh_by_median_frequency_and_one_without_images_weighs_1(classes):
    assert classes.weighted().class_weights == pytest.approx(WEIGHTS)
    outputs, labels = draw(4, 3), torch.tensor([0, 1, 1, 0])
    expected = F.cross_entropy(outputs, labels, torch.tensor(WEIGHTS))
    assert classes.weighted().loss(outputs, labels).item() == pytest.approx(expected.item())
    assert torch.equal(classes.loss(outputs, labels), F.cross_entropy(outputs, labels))


def test_weights_of_classes_leave_the_metric_alone(classes):
    outputs, labels = draw(50, 3), torch.arange(50) % 3
    assert classes.weighted().metric(outputs, labels) == classes.metric(outputs, labels)


def test_outputs_beyond_the_classes_are_allowed_with_weights_too(classes):
    outputs, labels = draw(4, 5), torch.tensor([0, 1, 1, 0])
    expected = F.cross_entropy(outputs, labels, torch.tensor([*WEIGHTS, 1.0, 1.0]))
    assert classes.weighted().loss(outputs, labels).item() == pytest.approx(expected.item())


def test_salient_pixels_weigh_against_the_others_by_median_frequency(maps):
    weighted = maps.weighted()
    assert weighted.class_weights == pytest.approx([(9 / 16) / (7 / 8), (9 / 16) / (1 / 4)])
    outputs, masks = draw(2, 1, 2, 2), maps.train.labels
    two_classes = torch.cat([torch.zeros_like(outputs), outputs], dim=1)
    expected = F.cross_entropy(two_classes, masks[:, 0].long(), torch.tensor(weighted.class_weights))
    assert weighted.loss(outputs, masks).item() == pytest.approx(expected.item())
    assert maps.loss(outputs, masks).item() == pytest.approx(F.cross_entropy(two_classes, masks[:, 0].long()).item())
    assert weighted.metric(outputs, masks) == maps.metric(outputs, masks)


def test_a_folder_of_classes_of_unlike_size_is_weighed_by_name(tmp_path):
    for name, count in (("often", 30), ("seldom", 10)):
        (tmp_path / name).mkdir()
        for index in range(count):
            Image.new("RGB", (4, 4), (index, 0, 0)).save(tmp_path / name / f"{index}.png")
    load = partial(load_task, f"imagefolder:{tmp_path}", None, 4)
    often, seldom = load("median-frequency").class_weights
    counts = load().train.targets.bincount()
    assert seldom / often == pytest.approx(counts[0].item() / counts[1].item()) and seldom > 1 > often
    assert load().class_weights is None


def test_class_weights_of_a_task_that_knows_none_are_refused(tmp_path):
    message = "--class-weights is given and the task voc weighs no classes .*; leave it out"
    with pytest.raises(UserError, match=message):
        load_task("voc", write_voc(tmp_path), 48, "median-frequency")
