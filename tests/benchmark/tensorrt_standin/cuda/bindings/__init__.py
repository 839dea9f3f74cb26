"""A stand-in for cuda-bindings: see `bindings.driver`."""
