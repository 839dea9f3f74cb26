"""What measurements must have in common to be added to one file."""

from typing import Any, Dict

from edgesynth.errors import UserError


def check_agreement(path: str, kind: str, was: Dict[str, Any], now: Dict[str, Any]) -> None:
    """Refuse to add to a file that is of something else.

    Args:
        path: of the file.
        kind: what it holds, such as `grid`.
        was: {fact in words: its value} of the file.
        now: the same of what is measured.

    Raises:
        UserError: they differ; the first difference is named.
    """
    for name in now:
        if was[name] != now[name]:
            raise UserError(
                "{} holds a {} of {} {} and this one is of {}; choose another -o, or delete that file".format(
                    path, kind, name, was[name], now[name]
                )
            )
