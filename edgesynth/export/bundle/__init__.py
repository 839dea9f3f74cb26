"""The bundle: every file that a board needs, each compared with the one before, and what it says of itself."""
