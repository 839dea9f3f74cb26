"""Tables: alignment, literal cells, and words that are wrapped where the table is too wide."""

from edgesynth.text_table import TextTable


def table():
    table = TextTable("layer", "count", "why", right=["count"], fold=["why"])
    table.add_row("conv1", 20, "it can be cut")
    table.add_row("fc", 1000, "-")
    return table


def test_words_are_flush_left_and_numbers_flush_right():
    assert table().lines() == ["layer  count  why", "conv1     20  it can be cut", "fc      1000  -"]


def test_words_are_wrapped_where_the_table_is_too_wide():
    assert table().lines(26) == ["layer  count  why", "conv1     20  it can be", "              cut", "fc      1000  -"]


def test_what_may_not_be_wrapped_is_never_cut():
    assert table().lines(5)[1].split() == ["conv1", "20", "it", "can", "be"]


def test_cells_are_literal_and_in_one_line():
    table = TextTable("name")
    table.add_row("[red]a\nb\x1b[2J")
    assert table.lines() == ["name", r"[red]a\nb\x1b[2J"]
