"""INT8 that pays: of the layers that may be INT8 for ONNX Runtime, those that make the network faster on this CPU."""
