"""Ops that reorder, join or take parts of a tensor."""
