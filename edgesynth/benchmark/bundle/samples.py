"""The bundle's labeled samples: the inputs of an engine, and the score of its outputs."""

from typing import Any, Callable, Dict, NamedTuple, Optional, Tuple

import numpy as np

from edgesynth.errors import UserError
from edgesynth.files.npz_file import ArrayHeader, array_headers, read_arrays
from edgesynth.metrics import METRICS
from edgesynth.metrics.boxes import decodes


class Score(NamedTuple):
    """Score of an engine's outputs.

    Attributes:
        accuracy_percent: the task's metric, whichever that is, 0 to 100; None: see `reason`.
        reason: why there is none; None where there is one.
        max_abs_error: largest distance of an output from the expected one; None without samples, if not finite, or of
            a model that decodes its outputs itself: boxes have no place of their own to be compared at.
        finite: whether every output was a finite number.
        samples: how many.
    """

    accuracy_percent: Optional[float]
    reason: Optional[str]
    max_abs_error: Optional[float]
    finite: bool
    samples: int


class Samples:
    """Labeled samples, already preprocessed.

    Args:
        images: (N, C, H, W), float32.
        labels: (N, ...), what the metric compares outputs with.
        expected: (M, ...), float32, M at most N: the exported network's outputs on the first images, before any engine,
            and before any decoding.
        metric: name of the task's metric; those of `METRICS` can be scored here.
        decoding: how the outputs are to be read; see the manifest's `output.decoding`.
    """

    def __init__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        expected: np.ndarray,
        metric: Optional[str],
        decoding: Optional[Dict[str, Any]] = None,
    ) -> None:
        self.images = images
        self.labels = labels
        self.expected = expected
        self.metric = metric
        self.decoding = decoding or {}

    @property
    def decodes(self) -> bool:
        """Whether the models decode their outputs themselves: `rows` detections, of the tensor `grid`."""
        return decodes(self.decoding) and {"grid", "rows"} <= set(self.decoding)

    def batch_of(self, batch: int, shape: Tuple[int, ...]) -> np.ndarray:
        """The first samples, repeated where there are fewer than the batch: (batch, C, H, W), float32."""
        return np.ascontiguousarray(self.images[np.arange(batch) % len(self.images)])

    def score(self, run: Callable[[np.ndarray], np.ndarray], batch: int) -> Score:
        """Run every sample through an engine and judge the answers.

        Args:
            run: takes (batch, C, H, W) float32, returns (batch, ...).
            batch: the batch that the engine was loaded for; the last one is filled up and its surplus dropped.

        Returns:
            The score.

        Raises:
            UserError: the outputs do not have the shape that they should have.
        """
        count = len(self.images)
        answers = self._run(run, batch, (self.decoding["rows"], 6) if self.decodes else self.expected.shape[1:])
        finite = bool(np.isfinite(answers).all())
        error = None if self.decodes else self._distance(answers)
        metric = METRICS.get(self.metric or "")
        if metric is None:
            reason = "the task's metric is {}, which is not scored here (it can be: {})".format(
                self.metric, ", ".join(METRICS)
            )
            return Score(None, reason, error, finite, count)
        metric = metric.of(self.decoding)
        if not finite:
            return Score(None, "the outputs hold nan or infinity", None, False, count)
        if not metric.fits(answers, self.labels):
            return Score(None, metric.unfit, error, True, count)
        return Score(metric.score(answers, self.labels), None, error, True, count)

    def distance(self, run: Callable[[np.ndarray], np.ndarray], batch: int) -> Optional[float]:
        """Largest distance from what is expected, of a tensor of a model that has that form.

        Args:
            run: as in `score`, but to that tensor: within a model that decodes its outputs it is its decoding's `grid`.
            batch: likewise.

        Returns:
            None if it is not finite.

        Raises:
            UserError: it does not have the shape of the expected outputs.
        """
        return self._distance(self._run(run, batch, self.expected.shape[1:]))

    def _run(self, run: Callable[[np.ndarray], np.ndarray], batch: int, shape: Tuple[int, ...]) -> np.ndarray:
        """Answers to all samples, each of a shape; the last batch is filled up and its surplus dropped."""
        count = len(self.images)
        outputs = []
        for start in range(0, count, batch):
            rows = np.arange(start, start + batch) % count
            outputs.append(np.asarray(run(self.images[rows]), dtype=np.float32)[: count - start])
        answers = np.concatenate(outputs)
        if answers.shape != (count,) + shape:
            raise UserError(
                "the model answers with shape {} and the bundle promises {}; export the bundle again".format(
                    list(answers.shape), [count] + list(shape)
                )
            )
        return answers

    def _distance(self, answers: np.ndarray) -> Optional[float]:
        """Largest distance of answers from the expected ones; None if they are not finite."""
        if not np.isfinite(answers).all():
            return None
        return float(np.abs(answers[: len(self.expected)].astype(np.float64) - self.expected).max())


class NoSamples:
    """No labeled samples: feeds noise and scores nothing.

    Args:
        reason: why there are none.
    """

    metric = None

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def batch_of(self, batch: int, shape: Tuple[int, ...]) -> np.ndarray:
        """Gaussian noise, always the same: (batch, C, H, W), float32."""
        return np.random.RandomState(0).standard_normal((batch,) + tuple(shape)).astype(np.float32)

    def score(self, run: Callable[[np.ndarray], np.ndarray], batch: int) -> Score:
        """No metric, and the reason."""
        return Score(None, self.reason, None, True, 0)


def read_calibration(path: str, input_shape: Tuple[int, ...]) -> np.ndarray:
    """Read the calibration images of a bundle's `samples.npz`: (K, C, H, W), float32, preprocessed.

    Args:
        path: the file.
        input_shape: (C, H, W).

    Raises:
        UserError: the file is damaged, or holds no such images.
    """
    try:
        header = array_headers(path, ["calibration"])["calibration"]
        usable = _are_images(header, input_shape)
        images = _given(path, header, "calibration", read_arrays(path, ["calibration"])) if usable else None
    except ValueError as error:
        raise UserError(
            "{} has no calibration images that can be read ({}); export again, or use --calibrate ranges".format(
                path, error
            )
        ) from None
    if images is None or not np.isfinite(images).all():
        raise UserError(
            "{} holds calibration images {} {}; they must be float32, finite and (K, {}), K at least 1: export "
            "again".format(path, header.dtype, list(header.shape), ", ".join(map(str, input_shape)))
        )
    return images


def read_samples(
    path: str, input_shape: Tuple[int, ...], metric: Optional[str], decoding: Optional[Dict[str, Any]] = None
) -> Samples:
    """Read a bundle's `samples.npz`; nothing in it is unpickled.

    Args:
        path: the file.
        input_shape: (C, H, W) that the manifest promises.
        metric: name of the task's metric.
        decoding: the manifest's `output.decoding`.

    Returns:
        The samples.

    Raises:
        UserError: the file is damaged, an array is absent, or the shapes do not fit each other.
    """
    names = ("images", "labels", "expected")
    known = METRICS.get(metric or "")
    try:
        headers = array_headers(path, names)
        images, labels, expected = (headers[name] for name in names)
        count = images.shape[0] if images.ndim else 0
        fits = (
            _are_images(images, input_shape)
            and labels.shape[:1] == (count,)
            and expected.ndim >= 2
            and 0 < expected.shape[0] <= count
            and expected.dtype.kind == "f"
        )
        arrays = read_arrays(path, names) if fits else {}
        fits = fits and (known is None or known.takes(arrays["labels"]))
        pictures = _given(path, images, "images", arrays) if fits else np.zeros(0)
    except ValueError as error:
        raise UserError("{} cannot be read ({}); export again or restore the file".format(path, error)) from None
    form = known.labels_form if known is not None else "labels (N, ...)"
    if not fits:
        raise UserError(
            "{} holds images {} {}, labels {} {}, expected {} {}; for input {} it must hold float32 images "
            "(N, C, H, W), {} and float expected (M, ...), N and M at least 1, M at most N: export again".format(
                path,
                images.dtype,
                list(images.shape),
                labels.dtype,
                list(labels.shape),
                expected.dtype,
                list(expected.shape),
                list(input_shape),
                form,
            )
        )
    if not np.isfinite(pictures).all():
        raise UserError("{} holds images that are not finite; export again or restore the file".format(path))
    return Samples(pictures, arrays["labels"], arrays["expected"], metric, decoding)


def _are_images(header: ArrayHeader, input_shape: Tuple[int, ...]) -> bool:
    """Whether an array is at least one image, as numbers or as pixels."""
    known = header.dtype == np.float32 or (header.dtype == np.uint8 and header.ndim == 4)
    return bool(known and header.shape[1:] == tuple(input_shape) and header.shape[0] > 0)


def _given(path: str, header: ArrayHeader, name: str, arrays: Dict[str, np.ndarray]) -> np.ndarray:
    """Images as the network's input, float32; stored pixels are converted by their levels.

    Args:
        path: the file, with `levels` (C, 256) beside pixels.
        header: of the images (N, C, H, W), float32 or uint8.
        name: of the images.
        arrays: {name: array} that was read.

    Raises:
        ValueError: the levels are not those of so many channels.
    """
    images: np.ndarray = arrays[name]
    if header.dtype != np.uint8:
        return images
    levels = array_headers(path, ["levels"])["levels"]
    if levels.dtype != np.float32 or levels.shape != (header.shape[1], 256):
        raise ValueError("{} {} of pixels with levels {}".format(name, list(header.shape), list(levels.shape)))
    numbers: np.ndarray = read_arrays(path, ["levels"])["levels"]
    return numbers[np.arange(len(numbers))[:, None, None], images]
