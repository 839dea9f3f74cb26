"""Timing: windows of repeated calls, and the scenarios in which images arrive."""
