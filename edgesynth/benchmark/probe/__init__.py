"""Probe: the time of a model's layers by their width, measured on this machine's engine."""
