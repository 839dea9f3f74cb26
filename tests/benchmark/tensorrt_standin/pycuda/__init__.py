"""A stand-in for pycuda: see `driver`."""
