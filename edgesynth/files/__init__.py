"""Files that may come from anywhere: read within bounds, never unpickled, never outside their folder (Python 3.6)."""
