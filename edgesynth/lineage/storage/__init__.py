"""Files of a run: written atomically, sealed, locked, and checked when they are read."""
