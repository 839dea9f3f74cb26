"""How outputs are shown: by the presentation of their form, which lies with the kind of task."""

from types import SimpleNamespace

import numpy as np
import pytest

from edgesynth.tasks import Classification, Detection, Saliency, Segmentation, load_task
from edgesynth.tasks.classification import ClassesPresentation
from edgesynth.tasks.detection import DetectionsPresentation, GridPresentation
from edgesynth.tasks.saliency import MapPresentation
from edgesynth.tasks.segmentation import ClassMapPresentation
from edgesynth.tasks.segmentation.presentation import COLORS
from edgesynth.tasks.task.presentation import Presentation, presentation_of

PRESENTATIONS = {
    Classification: ClassesPresentation,
    Detection: GridPresentation,
    Saliency: MapPresentation,
    Segmentation: ClassMapPresentation,
}


@pytest.mark.parametrize(("kind", "presentation"), PRESENTATIONS.items())
def test_every_kind_of_task_is_shown_by_the_presentation_in_its_folder(kind, presentation):
    assert type(presentation_of(kind.decoding["form"])) is presentation


def test_boxes_that_a_file_decoded_are_shown_otherwise_than_a_grid():
    assert type(presentation_of("detections")) is DetectionsPresentation
    assert presentation_of("boxes").decoder.read().startswith(b'"""') and presentation_of("detections").decoder is None


def test_a_task_gives_the_presentation_of_the_form_that_its_outputs_have():
    digits = load_task("digits")
    assert type(digits.presentation(digits.decoding_of((10,)))) is ClassesPresentation
    assert type(digits.presentation({"form": "tea leaves"})) is Presentation


def test_outputs_of_a_form_that_is_not_registered_are_printed_and_not_drawn():
    presentation = presentation_of("tea leaves")
    assert type(presentation) is Presentation and presentation.decoding_code == ("print(logits)",)
    assert presentation.picture(SimpleNamespace(), []) is None


def test_a_classifiers_picture_is_one_row_with_the_truth_and_both_answers_below_each_image():
    outputs = np.eye(3, dtype=np.float32)
    predictions = SimpleNamespace(
        individuals=("g000-c0", "g002-c1"),
        images=np.zeros((2, 8, 8, 1), np.uint8),
        labels=np.array([1, 2]),
        ancestor=outputs[[1, 2]],
        offspring=outputs[[0, 2]],
    )
    (row,) = presentation_of("classes").picture(predictions, ["ant", "bee"]).rows
    assert [panel.caption for panel in row.panels] == [
        "truth: bee\ng000-c0: bee\ng002-c1: ant",
        "truth: class 2\ng000-c0: class 2\ng002-c1: class 2",
    ]


def test_the_colors_are_those_of_voc():
    assert COLORS[[0, 1, 2, 8, 15]].tolist() == [[0, 0, 0], [128, 0, 0], [0, 128, 0], [64, 0, 0], [192, 128, 128]]
