"""Presentation: how the inputs and outputs of a task are shown to people, in a bundle's README and in the report.

A kind of task has one in its own folder, registered for the form of its outputs (`Task.decoding`): a report knows a run
and the form, not the task. A form that is not registered is shown by the defaults of `Presentation`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.resources import files
from typing import Any, NamedTuple, Protocol

import numpy as np

from edgesynth.printable import printable
from edgesynth.tasks.images.preprocessing_code import preprocessing_code


class DecoderFile(NamedTuple):
    """A file of a bundle that decodes outputs without edgesynth.

    Attributes:
        name: of the file, and of its source in `package`.
        use: what it does and how it is called, for the README.
        package: holds the source, which must run alone, with numpy and Python 3.6.
    """

    name: str
    use: str
    package: str = "edgesynth.metrics"

    def read(self) -> bytes:
        """The source."""
        return files(self.package).joinpath(self.name).read_bytes()


class Outline(NamedTuple):
    """A rectangle on an image: its color as `#rrggbb`, its sides in shares of the image."""

    color: str
    left: float
    top: float
    right: float
    bottom: float


class Panel(NamedTuple):
    """One image of a picture.

    Attributes:
        image: (H, W, C) uint8, or (H, W) from 0 to 1.
        caption: lines below it.
        outlines: rectangles on it.
    """

    image: np.ndarray
    caption: str = ""
    outlines: Sequence[Outline] = ()


class Row(NamedTuple):
    """Images beside each other, and what they are; no title where captions say it."""

    title: str
    panels: Sequence[Panel]


class Picture(NamedTuple):
    """Sample predictions as rows of images.

    Attributes:
        rows: from top to bottom, all of one length.
        legend: (color as `#rrggbb`, name of the class).
        filled: whether the colors fill areas; else they outline.
    """

    rows: Sequence[Row]
    legend: Sequence[tuple[str, str]] = ()
    filled: bool = False


class SamplePredictions(Protocol):
    """Outputs of two individuals for the same K images; see `edgesynth.lineage.Predictions`."""

    @property
    def individuals(self) -> tuple[str, str]:
        """Names of the ancestor and the offspring."""

    @property
    def images(self) -> np.ndarray:
        """(K, H, W, C) uint8."""

    @property
    def labels(self) -> np.ndarray:
        """(K, ...), as the task has them."""

    @property
    def ancestor(self) -> np.ndarray:
        """(K, ...) float32, outputs of the ancestor."""

    @property
    def offspring(self) -> np.ndarray:
        """(K, ...) float32, outputs of the offspring."""

    @property
    def decoding(self) -> dict[str, Any]:
        """How the outputs are decoded; empty in a run that did not keep it."""


class Presentation:
    """How the inputs and outputs of a task are shown. These defaults serve any task.

    Attributes:
        output_text: what one image's output is, for the README; `{0}`, `{1}` ... are the sizes of its shape.
        decoding_code: lines of Python that show the output of one image, the numpy array `logits`. They may use
            `pixels`, the input (1, C, H, W); json, numpy as np and the bundle's files are at hand.
        decoder: a file that `decoding_code` imports.
        tensorrt_note: what TensorRT's users must know of such outputs, for the README; empty for nothing.
    """

    output_text: str = "what `output` in `manifest.json` says"
    decoding_code: Sequence[str] = ("print(logits)",)
    decoder: DecoderFile | None = None
    tensorrt_note: str = ""

    def preprocessing_code(self, steps: dict[str, Any], shape: Sequence[int]) -> list[str]:
        """Lines of Python from `image.png` to `pixels`, (1, C, H, W) float32; none if a step is not known.

        Args:
            steps: `Task.preprocessing`.
            shape: (C, H, W) of one input.
        """
        return preprocessing_code(steps, shape)

    def picture(self, predictions: SamplePredictions, names: Sequence[str]) -> Picture | None:
        """Sample predictions beside the truth; None where there is nothing to draw.

        Args:
            predictions: of the ancestor and the offspring.
            names: of the classes.
        """
        return None


_BY_FORM: dict[str, Presentation] = {}


def presents(form: str) -> Callable[[type[Presentation]], type[Presentation]]:
    """Register the decorated class for a form of outputs."""

    def register(presentation: type[Presentation]) -> type[Presentation]:
        _BY_FORM[form] = presentation()
        return presentation

    return register


def presentation_of(form: str) -> Presentation:
    """The presentation for a form of outputs; the default one for a form that is not registered."""
    return _BY_FORM.get(form, Presentation())


def class_name(names: Sequence[str], number: int) -> str:
    """The printable name of a class, or its number where it has none."""
    return printable(names[number]) if number < len(names) else f"class {number}"
