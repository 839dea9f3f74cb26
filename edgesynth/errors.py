"""The one exception of a user's mistake; everything else that is raised is ours to mend."""


class UserError(Exception):
    """A mistake in what the user gave.

    The message is one line that says what was given, what is allowed and what to do next; a list may follow, a line for
    each item. The command line prints it without a traceback and exits with code 2.
    """
