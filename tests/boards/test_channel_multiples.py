"""Multiples of channels by what a board's GPU has."""

import pytest

from edgesynth.boards.channel_multiples import multiples_of
from edgesynth.boards.table import find_board


@pytest.mark.parametrize(
    ("board", "precision", "multiples"),
    [
        ("tx2", "fp16", (4, 4)),  # no tensor cores
        ("tx1", "int8", (4, 4)),  # no INT8 units
        ("agx-xavier", "fp16", (8, 4)),
        ("agx-xavier", "int8", (16, 4)),
        ("agx-orin", "fp16", (8, 4)),
        ("agx-orin", "int8", (32, 4)),
        ("agx-orin", "fp32", (4, 4)),
    ],
)
def test_multiples_follow_the_tensor_cores_and_the_precision(board, precision, multiples):
    dense, grouped, needed = multiples_of(find_board(board), precision)
    assert (dense, grouped) == multiples
    # INT8 of the GPU has limits that floating point has not.
    assert needed == (4 if precision == "int8" and board != "tx1" else 1)


def test_of_an_unknown_gpu_vectors_of_four_are_assumed():
    assert multiples_of(find_board("agx-orin")._replace(sm=None), "fp16") == (4, 4, 1)
