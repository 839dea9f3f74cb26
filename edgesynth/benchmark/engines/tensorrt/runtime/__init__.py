"""What TensorRT needs on this machine: its library, its log, its plugins, the GPU."""
