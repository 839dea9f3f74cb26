"""NVIDIA's own parser and compiler: what they say of a file, and the engine that they make of it; no GPU is needed."""
