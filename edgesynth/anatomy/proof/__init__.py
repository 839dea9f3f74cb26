"""Proof of removal: which cuts are made, with which weights, and what they show."""
