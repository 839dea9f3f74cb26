"""Plain ONNX: a torch network becomes a file that computes the same."""
