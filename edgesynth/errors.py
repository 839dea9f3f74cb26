"""The one exception of a user's mistake; everything else that is raised is ours to mend."""

from edgesynth.printable import printable, printable_lines


class UserError(Exception):
    """A mistake in what the user gave.

    The command line prints it without a traceback and exits with code 2.

    Args:
        message: one line that says what was given, what is allowed and what to do next.
        more: the lines of a list that follows. Names in all of them are shown literally: a line break or a terminal
            escape in a name stays in its line and does nothing.
    """

    def __init__(self, message: object, *more: object) -> None:
        super().__init__(*map(printable, (message, *more)))

    def __str__(self) -> str:
        return printable_lines(self.args)
