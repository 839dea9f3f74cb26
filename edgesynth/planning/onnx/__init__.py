"""An ONNX file: its nodes, and the shape of every tensor."""
