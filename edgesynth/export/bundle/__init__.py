"""The bundle: every file that a board needs, each model compared with the one before, and the manifest."""
