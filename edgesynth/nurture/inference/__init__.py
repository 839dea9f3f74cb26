"""Outputs of a network for a whole split."""
