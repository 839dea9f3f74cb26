"""Rewriting of operators that opset 13, ONNX Runtime or TensorRT does not have or does not compute alike."""
