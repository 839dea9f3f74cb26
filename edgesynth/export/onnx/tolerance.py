"""By how much a plain file may differ from the network that it was made of."""

MAX_FP32_REL = 1e-4  # of the largest output
