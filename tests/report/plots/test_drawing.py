import warnings

from edgesynth.report.plots.drawing import svg


def test_names_that_matplotlib_has_no_glyphs_for_stay_text_and_nothing_is_said_of_them():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawn = svg(lambda figure: figure.text(0.5, 0.5, "白细胞"), "name", "label", 2, 1)
    assert ">白细胞<" in drawn
