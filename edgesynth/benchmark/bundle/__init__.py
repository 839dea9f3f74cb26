"""What is measured: a bundle or a bare ONNX file, opened and checked, and the samples within it."""
