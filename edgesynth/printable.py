"""Text from elsewhere (names of runs, classes, layers, files) as it may stand on a terminal: literal and in one line.

A name can hold what a terminal obeys: escape sequences, backspaces, line breaks, marks that turn the direction of
writing. Each such character is shown as Python would write it in a string, so that nothing is hidden and nothing acts.
"""

from typing import Iterable


def printable(text: object) -> str:
    r"""Text in one line, with an escape such as `\x1b` in the place of each character that is not printable.

    Args:
        text: any object; what `str` makes of it. A byte of a file's name that is not UTF-8 is shown as `\xff`.

    Returns:
        The text. A second call does not change it.
    """
    text = str(text)
    return text if text.isprintable() else "".join(map(_shown, text))


def printable_lines(lines: Iterable[object]) -> str:
    """Lines below each other, each of them printable: a line break within one is shown, and begins no line.

    Args:
        lines: any objects.

    Returns:
        One text without a trailing newline.
    """
    return "\n".join(map(printable, lines))


def _shown(character: str) -> str:
    if character.isprintable():
        return character
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # how Python keeps a byte of a file's name that is not UTF-8
        return "\\x{:02x}".format(code - 0xDC00)
    return character.encode("unicode_escape").decode("ascii")
