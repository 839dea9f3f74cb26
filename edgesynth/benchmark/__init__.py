"""Engines, power meters, timing and results: what runs on the board (Python 3.6, standard library and numpy)."""
