"""TensorRT 8.0 to 11: what the generations share, and a file for each of the three."""
