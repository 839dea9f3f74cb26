"""Latency and energy of individuals while a run breeds: on a board, on another machine, or here."""
