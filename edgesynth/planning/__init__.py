"""What a TensorRT will make of a file on a board: operators, builds, memory, cost. For the workstation."""
