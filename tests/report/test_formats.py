import math

import pytest

from edgesynth.report import formats


@pytest.mark.parametrize(
    ("write", "value", "text"),
    [
        (formats.count, 430500, "430,500"),
        (formats.count, 0, "0"),
        (formats.short_count, 2293000, "2,293,000"),
        (formats.short_count, 125485706, "125.5 M"),
        (formats.short_count, 15470264320, "15.47 G"),
        (formats.percent, 98.6666, "98.67"),
        (formats.times, 7.2966, "7.30"),
        (formats.times, 1234.5, "1,234"),
        (formats.milliseconds, 0.4123, "0.412"),
        (formats.milliseconds, 0.01234, "0.0123"),
        (formats.seconds, 1260.55, "1,260.5"),
        (formats.share, 100, "100"),
        (formats.share, 99.99, "99.9"),
        (formats.share, 49.55, "49.5"),
        (formats.share, 4.951, "4.95"),
        (formats.share, 0.001, "<0.01"),
        (formats.share, 0, "0"),
    ],
)
def test_a_figure_is_written_with_the_digits_that_it_deserves(write, value, text):
    assert write(value) == text


@pytest.mark.parametrize(
    "write", [formats.count, formats.short_count, formats.percent, formats.times, formats.milliseconds, formats.share]
)
@pytest.mark.parametrize("value", [None, math.nan, math.inf])
def test_what_is_no_figure_is_a_dash_and_never_zero(write, value):
    assert write(value) == "–"
