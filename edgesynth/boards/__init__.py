"""Boards: what each can do, which of them this is, and what it will make of a model (runs under Python 3.6)."""
