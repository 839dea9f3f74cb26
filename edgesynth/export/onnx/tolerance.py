"""Largest difference between the outputs of a plain file and of its network."""

MAX_FP32_REL = 1e-4  # of the largest output
