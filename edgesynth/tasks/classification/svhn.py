"""SVHN, house numbers cut to single digits, from `train_32x32.mat` and `test_32x32.mat`, as torchvision keeps them."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from edgesynth.errors import UserError
from edgesynth.tasks.classification.classification import Classification, Split
from edgesynth.tasks.classification.packed import (
    check_labels,
    held_out,
    official_folder,
    packed_split,
    preprocessing,
    unofficial,
)

FILES = ("train_32x32.mat", "test_32x32.mat")
GET = "put train_32x32.mat and test_32x32.mat of http://ufldl.stanford.edu/housenumbers/ there"
VALIDATION, OFFICIAL = 5000, 73_257


def svhn(data_root: Path | None = None, most_bytes: int | None = None) -> Classification:
    """Build the task; 5,000 training images (in a fixed shuffle) are held out for selection.

    Images are (N, 3, 32, 32), normalized by ImageNet's mean and deviation. Training shifts them and, since they are
    digits, does not flip. The extra images are not used.

    Args:
        data_root: folder that holds the two files.
        most_bytes: memory that the numbers of the training images may take; a quarter of what is free by default.

    Raises:
        UserError: no root was given, or files are missing or damaged.
    """
    folder = official_folder("svhn", data_root, ("SVHN", "svhn"), FILES, GET)
    whole = _read(folder / FILES[0], most_bytes)
    train, validation = held_out(whole, VALIDATION)
    return Classification(
        name="svhn",
        train=train,
        validation=validation,
        load_test=partial(_read, folder / FILES[1], most_bytes),
        labels=[str(digit) for digit in range(10)],
        max_shift=2,
        preprocessing=preprocessing("32x32 RGB images with values 0..255"),
        notes=unofficial("svhn", len(whole.labels), OFFICIAL),
    )


def _read(file: Path, most_bytes: int | None) -> Split:
    from scipy.io import loadmat

    try:
        content = loadmat(str(file), variable_names=["X", "y"])
        pixels, labels = content["X"], content["y"].ravel()
    except PermissionError:
        raise
    except Exception as error:  # scipy and zlib raise a dozen kinds for a damaged file
        raise UserError(f"{file} cannot be read ({type(error).__name__}: {error}); fetch it again") from None
    if (
        pixels.dtype != "uint8"
        or pixels.shape[:3] != (32, 32, 3)
        or pixels.shape[3:] != labels.shape
        or not labels.size
    ):
        raise UserError(
            f"{file} has images {pixels.shape} of {pixels.dtype} and {labels.size:,} labels; it must have "
            "(32, 32, 3, N) of uint8 and N labels: fetch it again"
        )
    check_labels(file, labels, 1, 10)
    # What the file calls 10 is the digit 0.
    return packed_split(pixels.transpose(3, 2, 0, 1), labels % 10, most_bytes)
