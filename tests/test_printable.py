"""Text from elsewhere is shown literally and in one line, in errors too."""

import pickle

import pytest

from edgesynth.errors import UserError
from edgesynth.printable import printable, printable_lines


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Größe 白 [red] :smile: \\n", "Größe 白 [red] :smile: \\n"),
        ("a\x1b[31mb\x07", r"a\x1b[31mb\x07"),
        ("line\r\nline\u2028", r"line\r\nline\u2028"),
        ("\x9b2J", r"\x9b2J"),  # a terminal's escape sequence in one character
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("caf\udce9", r"caf\xe9"),
        ("\ud800\U000e0001", r"\ud800\U000e0001"),
    ],
)
def test_what_acts_is_shown_and_the_rest_is_as_it_was(text, shown):
    assert printable(text) == shown
    assert printable(shown) == shown


def test_a_line_break_in_a_name_begins_no_line():
    assert printable_lines(["first", "a\nb"]) == "first\na\\nb"


def test_an_error_has_its_list_below_it_and_names_in_one_line_wherever_it_travels():
    error = UserError("run\nedgesynth: all is well", "tensor a", "tensor\x1b[2J")
    assert str(error) == "run\\nedgesynth: all is well\ntensor a\ntensor\\x1b[2J"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
