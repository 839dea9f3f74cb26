"""How a classifier's outputs are shown: the name of the class, below its image."""

from __future__ import annotations

from collections.abc import Sequence

from edgesynth.tasks.task.presentation import Panel, Picture, Presentation, Row, SamplePredictions, class_name, presents


@presents("classes")
class ClassesPresentation(Presentation):
    """Outputs are (classes,), a score for each class."""

    output_text = "{0} values an image, one for each of `labels` in `manifest.json`"
    decoding_code = ('print(json.load(open("manifest.json"))["labels"][logits.argmax()])',)

    def picture(self, predictions: SamplePredictions, names: Sequence[str]) -> Picture:
        """One row; below each image three lines: the truth and what both individuals say."""
        numbers = predictions.labels, predictions.ancestor.argmax(axis=1), predictions.offspring.argmax(axis=1)
        heads = ("truth", *predictions.individuals)
        panels = []
        for image, *classes in zip(predictions.images, *numbers, strict=True):
            lines = [f"{head}: {class_name(names, int(number))}" for head, number in zip(heads, classes, strict=True)]
            panels.append(Panel(image, "\n".join(lines)))
        return Picture([Row("", panels)])
