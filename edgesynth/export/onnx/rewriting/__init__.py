"""What is rewritten on the way to a file, so that it is plain and computes the same."""
