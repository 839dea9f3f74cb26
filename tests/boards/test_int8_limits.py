"""Limits of the builder in INT8, version by version."""

import pytest

from edgesynth.boards.int8_limits import Convolution, beyond_int8


@pytest.mark.parametrize(
    ("convolution", "version", "why"),
    [
        (Convolution(7, 9, 1, True), (8, 2), ""),  # dense ones have no limit
        (Convolution(8, 8, 8, True), (8, 0), "TensorRT 8 has no INT8 implementation"),
        (Convolution(8, 8, 8, True), (8, 6), "TensorRT 8 has no INT8 implementation"),
        (Convolution(8, 8, 8, True), (10, 3), ""),
        (Convolution(8, 8, 8, True), None, "TensorRT 8 has no INT8 implementation"),
        (Convolution(8, 8, 8), (8, 2), ""),
        (Convolution(6, 6, 6), (8, 4), "depthwise with 6 channels: before TensorRT 8.5, INT8 wants a multiple of 4"),
        (Convolution(6, 6, 6), (8, 5), ""),
        (Convolution(6, 6, 6), None, "depthwise with 6 channels"),
        (Convolution(6, 12, 6), (8, 4), ""),  # a multiplier of two: it is the channels written that count
        (Convolution(16, 16, 8), (8, 2), "groups of 2 channels: in INT8 they must be a multiple of 4"),
        (Convolution(16, 32, 4), (11, 1), ""),
        (Convolution(16, 24, 4), (11, 1), "groups of 4 and 6 channels: in INT8 they must be a multiple of 4"),
        (Convolution(32, 32, 8), (11, 1), ""),
    ],
)
def test_what_a_version_cannot_build_is_told_with_its_reason(convolution, version, why):
    told = beyond_int8(convolution, version)
    assert why in told and bool(told) == bool(why)
