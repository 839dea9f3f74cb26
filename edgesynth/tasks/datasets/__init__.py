"""What data sets have in common: folders, splits, lists of names, pairs of files."""
