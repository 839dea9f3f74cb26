"""Branches: parts of a network that can be removed as a whole, so that it gets shallower."""
