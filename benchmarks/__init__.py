"""Studies: each folder holds the script of one, what it measured and what that says."""
