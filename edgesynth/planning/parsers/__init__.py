"""The ONNX parsers of TensorRT's versions, and an ONNX file checked against one."""
