"""Options that are not written in the file of one command (Python 3.6 where commands of the board have them)."""
