"""A file as the boards' TensorRT takes it: operators that are parsed, opsets that are written, layers that cost."""
