"""Ops over space: channels pass."""
