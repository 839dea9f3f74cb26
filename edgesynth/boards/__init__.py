"""Boards: what each can do, which one this is, and what was measured on it (Python 3.6)."""
