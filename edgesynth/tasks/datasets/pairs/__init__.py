"""Pairs of an image and a mask of its size, on disk: what saliency and segmentation are read from."""

from edgesynth.tasks.datasets.pairs.files import Pair, by_split, by_stem, matched
from edgesynth.tasks.datasets.pairs.reading import Reading, max_shift, preprocessing, read_pairs

__all__ = [
    "Pair",
    "Reading",
    "by_split",
    "by_stem",
    "matched",
    "max_shift",
    "preprocessing",
    "read_pairs",
]
