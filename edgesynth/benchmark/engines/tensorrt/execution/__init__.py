"""A built engine at work: its tensors, its streams, CUDA graphs, and the clocks of its parts and layers."""
