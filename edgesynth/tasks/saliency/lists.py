"""A data set's own split, read from the lists that its download brings, beside its images:

DIR/{train,valid,test}_cvpr2013.txt   MSRA-B (Jiang et al., CVPR 2013): 2,500, 500 and 2,000 names
DIR/{train,val,test}ImgSet.mat        HKU-IS (Li and Yu, CVPR 2015), validImgSet.mat too: a cell array of names
DIR/{train,val,test}.txt              your own, valid.txt too

A list has one name a line, or cell: of an image or its mask, with or without folder and suffix.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from edgesynth.errors import UserError
from edgesynth.tasks.datasets.name_lists import names_in, take
from edgesynth.tasks.datasets.pairs import Pair
from edgesynth.tasks.datasets.pairs.files import SUFFIXES
from edgesynth.tasks.datasets.summarize import summarize

FILES = {
    "train": ("train_cvpr2013.txt", "trainImgSet.mat", "train.txt"),
    "val": ("valid_cvpr2013.txt", "valImgSet.mat", "validImgSet.mat", "val.txt", "valid.txt"),
    "test": ("test_cvpr2013.txt", "testImgSet.mat", "test.txt"),
}


def listed_parts(root: Path, pairs: Sequence[Pair]) -> tuple[dict[str, list[Pair]], list[str]] | None:
    """The splits by the lists in a folder, and what is in none of them; None where there are no lists.

    Args:
        root: the folder.
        pairs: all that it has.

    Raises:
        UserError: train or test has no list, a list cannot be read, is empty, names what is not there, or what another
            one has.
    """
    files = {part: [root / name for name in names if (root / name).is_file()] for part, names in FILES.items()}
    if not any(files.values()):
        return None
    for part in ("train", "test"):
        if not files[part]:
            present = ", ".join(file.name for group in files.values() for file in group)
            raise UserError(
                f"{root} has {present} and no list of {part}; add {part}.txt, or take the lists away to split by chance"
            )
    known = {pair.image.stem: pair for pair in pairs}
    chosen: dict[str, list[Pair]] = {}
    taken: dict[str, Path] = {}
    for part, group in files.items():
        if len(group) > 1:
            raise UserError(f"{root} has several lists of {part}, {', '.join(file.name for file in group)}; leave one")
        if group:
            chosen[part] = _chosen(group[0], known, taken)
    rest = [f"{pair.image.name} is in no list" for stem, pair in known.items() if stem not in taken]
    return chosen, rest


def _chosen(file: Path, known: dict[str, Pair], taken: dict[str, Path]) -> list[Pair]:
    """The pairs that a list names, in its order; they are entered as taken by it."""
    stems = list(dict.fromkeys(map(_stem, _names(file))))
    if not stems:
        raise UserError(f"{file} names nothing; it must have one name a line, or cell")
    missing = [f"{stem} has no pair of image and mask" for stem in stems if stem not in known]
    if missing:
        raise UserError(
            f"{file} names {len(missing):,} of {len(stems):,} that are not there: {summarize(missing)}; fetch the data "
            "again, or take the lists away to split by chance"
        )
    take(stems, file, taken)
    return [known[stem] for stem in stems]


def _stem(name: str) -> str:
    last = PurePosixPath(name.replace("\\", "/")).name
    return last.rpartition(".")[0] if last.lower().endswith(SUFFIXES) else last


def _names(file: Path) -> list[str]:
    if file.suffix != ".mat":
        return names_in(file)
    try:
        cells = _cells(file)
    except PermissionError:
        raise
    except Exception as error:  # scipy and zlib raise a dozen kinds for a damaged file
        raise UserError(
            f"{file} cannot be read ({type(error).__name__}: {error}); it holds a cell array of names as MATLAB 5 "
            "writes it"
        ) from None
    return [cell.strip() for cell in cells if cell.strip()]


def _cells(file: Path) -> list[str]:
    """Texts of the one variable of a file."""
    from scipy.io import loadmat

    variables = [value for name, value in loadmat(str(file)).items() if not name.startswith("__")]
    if len(variables) != 1:
        raise ValueError(f"it has {len(variables)} variables")
    cells = [cell.item() if hasattr(cell, "item") else cell for cell in variables[0].ravel()]
    if not all(isinstance(cell, str) for cell in cells):
        raise ValueError("its variable holds no texts")
    return cells
