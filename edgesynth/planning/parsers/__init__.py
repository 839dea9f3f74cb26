"""What each TensorRT's parser reads, and a file held against it."""
