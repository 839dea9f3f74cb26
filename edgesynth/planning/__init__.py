"""What a board's TensorRT does with an ONNX file: operators, builds, memory, cost."""
