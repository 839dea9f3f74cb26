"""The picture of what ancestor and offspring answer to the same images."""

import re
from dataclasses import replace

import numpy as np
import pytest

from edgesynth.lineage import DamagedError, Predictions
from edgesynth.report.plots.predictions import predictions_plot


def written(plot):
    """All texts of an SVG, in order."""
    return re.findall(r"<text[^>]*>([^<]*)</text>", plot)


@pytest.fixture
def digits():
    """Two images: the ancestor is right on both, the offspring on the second."""
    answers = np.eye(3, dtype=np.float32)
    images = np.zeros((2, 8, 8, 1), np.uint8)
    return Predictions(("g000-c0", "g002-c1"), "classes", images, np.array([1, 2]), answers[[1, 2]], answers[[0, 2]])


def test_answers_stand_below_their_images_with_the_truth(digits):
    lines = [line for line in written(predictions_plot(digits, ["ant", "bee", "cat"])) if ":" in line]
    assert sorted(lines) == sorted(
        ["truth: bee", "g000-c0: bee", "g002-c1: ant", "truth: cat", "g000-c0: cat", "g002-c1: cat"]
    )


@pytest.mark.parametrize("channels", [2, 3, 4, 12])
def test_images_of_any_number_of_channels_are_drawn(digits, channels):
    images = np.zeros((2, 8, 8, channels), np.uint8)
    assert "truth: bee" in written(predictions_plot(replace(digits, images=images), ["ant", "bee", "cat"]))


def test_a_class_without_a_name_is_numbered(digits):
    assert "g002-c1: class 0" in written(predictions_plot(digits, []))


def test_maps_of_classes_are_drawn_in_the_colors_of_a_legend_and_void_is_in_none():
    scores = np.zeros((1, 3, 4, 4), np.float32)
    scores[:, 1] = 1
    labels = np.full((1, 4, 4), 255, np.uint8)
    labels[:, 0] = 2
    found = Predictions(("g000-c0", "g002-c1"), "class map", np.zeros((1, 4, 4, 3), np.uint8), labels, scores, scores)
    texts = written(predictions_plot(found, ["ant", "_bee_", "[b]\x1b[2J"]))
    assert [text for text in texts if text in ("image", "mask", "g000-c0", "g002-c1")] == [
        "image",
        "mask",
        "g000-c0",
        "g002-c1",
    ]
    assert [text for text in texts if text not in ("image", "mask", "g000-c0", "g002-c1")] == ["_bee_", r"[b]\x1b[2J"]


def test_answers_of_a_form_that_is_not_known_are_not_drawn(digits):
    other = Predictions(digits.individuals, "boxes", digits.images, digits.labels, digits.ancestor, digits.offspring)
    assert predictions_plot(other, []) is None


def test_boxes_are_drawn_for_truth_ancestor_and_offspring_where_they_are_sure_enough():
    """DetectNet's head over one cell: the ancestor covers it with a bee, the offspring is not sure of anything."""
    decoding = {"form": "boxes", "head": "detectnet", "classes": 2, "candidates": 9, "most": 9}
    decoding.update(min_score=0.005, max_iou=0.45)
    labels = np.array([[[1, 0.2, 0.2, 0.8, 0.8], [-1, 0, 0, 0, 0]]], np.float32)
    sure = np.array([-9, 9, -0.3, -0.3, 0.3, 0.3], np.float32).reshape(1, 6, 1, 1)
    unsure = np.where(np.arange(6).reshape(1, 6, 1, 1) < 2, -2, sure).astype(np.float32)
    images = np.zeros((1, 8, 8, 3), np.uint8)
    found = Predictions(("g000-c0", "g002-c1"), "boxes", images, labels, sure, unsure, decoding)
    plot = predictions_plot(found, ["ant", "bee"])
    assert {"truth", "g000-c0", "g002-c1", "bee"} <= set(written(plot)) and "ant" not in written(plot)
    assert plot.count("stroke: #ff7f0e") == 3  # two boxes of the second class, and its line in the legend


def test_what_is_written_is_read_again_and_a_damaged_file_is_named(digits, tmp_path):
    path = tmp_path / "predictions.npz"
    digits.write(tmp_path)
    again = Predictions.read(path)
    assert again.individuals == digits.individuals and again.form == "classes"
    assert np.array_equal(again.offspring, digits.offspring) and again.images.dtype == np.uint8
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DamagedError, match=r"predictions.npz is damaged: BadZipFile"):
        Predictions.read(path)
